"""Ids of words that are none; told apart from the layers, so that reading needs no torch."""

from __future__ import annotations

PAD, UNKNOWN = 0, 1
