"""What computes an answer, one file per family; `base.py` says what a runner is."""
