"""`python -m evalkit`, for where the console script is not on the path."""

from evalkit.cli.main import main

main()
