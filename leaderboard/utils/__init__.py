"""Routes, results and files, under the names that agents and tools of the CARLA Leaderboard import."""
