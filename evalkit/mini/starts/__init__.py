"""Weights written in by hand: where a mini's training starts."""
