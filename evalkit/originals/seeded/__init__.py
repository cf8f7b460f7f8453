"""Weights files in the published formats with weights drawn from a seed: they prove the code, not the file."""
