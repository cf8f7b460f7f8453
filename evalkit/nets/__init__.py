"""The networks and samplers: pure torch, no files, no command line."""
