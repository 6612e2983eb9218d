"""Layers of networks: one idea per file, with its formula, shapes and source."""
