"""What a paper's table is made of, as data: one TOML file a protocol, read by `base.py`."""
