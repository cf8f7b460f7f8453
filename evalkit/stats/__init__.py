"""Pure functions of arrays: Fréchet distance, KL, intervals, paired tests."""
