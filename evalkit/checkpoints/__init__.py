"""Reading what was fetched: formats and layouts of other people's files."""
