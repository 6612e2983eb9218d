"""Trainings: what was learnt from which data with which options, and how it went."""
