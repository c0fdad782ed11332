"""Importing `leaderboard` first offers its stand-ins for `agents` and `srunner` to the tests of this folder."""

import leaderboard  # noqa: F401
