"""Schemas, validation, reading and splitting of tables."""
