"""Where work runs: in this process, or one process per device."""
