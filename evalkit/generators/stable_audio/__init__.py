"""Stable Audio's models: variants, presets, options, and the generator that runs them."""
