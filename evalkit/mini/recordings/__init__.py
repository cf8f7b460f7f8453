"""Recordings, captions and mixtures that the minis learn from."""
