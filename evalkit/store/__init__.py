"""The run folder, its append-only ledger and the content-keyed feature cache: atomic, resumable."""
