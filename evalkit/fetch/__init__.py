"""Where checkpoints, prompt files and reference statistics come from, and where they are kept."""
