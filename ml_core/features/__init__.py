"""The feature store: windows over an entity's past, defined once, for training and for serving.

Read on in this order: `view` (what is defined), `rows` (what is read), `compute` (all moments of a
table), `join` (what was known when), `offline` (days of Parquet), `online` (the next moment).
"""
