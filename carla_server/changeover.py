"""How a client's library gets over `load_world`, and what the server does for that.

CARLA 0.9.16's library (`Simulator::LoadEpisode` in its sources) waits for the reply to `load_new_episode`, drops the
object that holds the episode, asks for `version`, `get_episode_info` and the snapshots' token, makes a new object and
subscribes to the snapshots once more. Between dropping and making, whatever thread looks for the episode reads a null
pointer and ends the process. A Traffic Manager in asynchronous mode looks for it after every question for the
settings, and the thread that reads snapshots does so with the first one of another episode.

So the server answers a load, if a Traffic Manager polls, while that waits for the settings; and then answers the
library's questions and nothing else, and lets no time pass, until the new subscription has come.
"""

from __future__ import annotations

FIRST_QUESTIONS = frozenset(("version", "get_episode_info", "get_sensor_token"))
"""What the library asks between the reply and its new subscription."""

PATIENCE_S = 1.0
"""Longest time that others wait: a peer that does not subscribe anew is no library of 0.9.16."""

POLLING_S = 0.25
"""Traffic Managers in asynchronous mode ask for the settings more often than this."""

DIGESTION_S = 0.1
"""What clients get after the first snapshot of an episode before the next may be loaded: the thread that reads it
looks for the episode then, too, and another thread must not have dropped it."""
