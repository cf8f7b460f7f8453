"""Stable Audio: Oobleck VAE, DiT, conditioning, schedules and samplers."""
