"""evalkit beside the packages that the papers used: the same clips, the same weights files, two programs.

A folder is named as the package: the pinned requirements of its environment, and `original.py`, which runs there.
"""
