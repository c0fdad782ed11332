"""Agents of the CARLA Leaderboard: base class and wrapper, under the names that agents import."""
