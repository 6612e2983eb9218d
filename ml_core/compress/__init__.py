"""Compression: smaller networks that are measured before they are trusted."""
