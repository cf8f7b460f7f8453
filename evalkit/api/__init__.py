"""evalkit from Python, each function and class in the file of its name; the command line is written over it."""
