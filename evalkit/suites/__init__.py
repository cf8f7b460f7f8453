"""Reading a suite manifest: prompts, references and protocol."""
