"""Plan, generate, embed, score, gate."""
