"""Audio or text to features, through the networks of evalkit.nets."""
