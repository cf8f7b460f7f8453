"""Text to audio: the Generator protocol and the generators behind it."""
