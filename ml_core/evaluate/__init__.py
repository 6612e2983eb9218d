"""Measuring models: metrics, calibration, thresholds and intervals."""
