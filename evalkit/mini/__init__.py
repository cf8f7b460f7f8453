"""The small models that ship with evalkit: their data, recipes and weights."""
