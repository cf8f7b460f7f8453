"""A model in a process and an environment of its own: both sides of the pipe."""
