"""Decode, encode, resample, level, verdicts and pictures of sound."""
