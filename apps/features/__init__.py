"""The feature store: views of solutions, kept for datasets, offline and online."""
