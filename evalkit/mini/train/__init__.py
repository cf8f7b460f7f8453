"""The recipes: one file per part of a mini, and what they share."""
