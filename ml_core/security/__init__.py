"""Keeping data secret and whole while it rests."""
