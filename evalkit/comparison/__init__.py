"""Two or more scored runs held against one another."""
