"""evalkit: generate, score, compare and gate text-to-audio models with numbers that can be trusted."""

__version__ = "0.1.0"
