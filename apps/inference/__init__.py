"""Scores: a model applied to a dataset, its report, its rows and their reasons."""
