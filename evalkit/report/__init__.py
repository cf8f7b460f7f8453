"""The leaderboard page, its charts and its tables. Imports neither evalkit.run nor torch."""
