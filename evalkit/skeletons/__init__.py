"""What `evalkit new` writes: small things that work, each to be filled with one's own. `mine` becomes the name."""
