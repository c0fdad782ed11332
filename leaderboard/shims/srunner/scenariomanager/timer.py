"""`GameTime`: simulation time and frame of the tick under way."""

from __future__ import annotations

import datetime
from typing import ClassVar

import carla


class GameTime:
    """Set by the evaluator at every tick, read by agents."""

    _current_game_time: ClassVar[float] = 0.0
    _carla_time: ClassVar[float] = 0.0
    _last_frame: ClassVar[int] = 0
    _init: ClassVar[bool] = False

    @staticmethod
    def on_carla_tick(timestamp: carla.Timestamp) -> None:
        """Take over the time of a snapshot."""
        if GameTime._last_frame < timestamp.frame:
            frames = timestamp.frame - GameTime._last_frame if GameTime._init else 1
            GameTime._current_game_time += timestamp.delta_seconds * frames
            GameTime._last_frame = timestamp.frame
            GameTime._carla_time = timestamp.elapsed_seconds
            GameTime._init = True

    @staticmethod
    def restart() -> None:
        """Begin again at 0."""
        GameTime._current_game_time = 0.0
        GameTime._carla_time = 0.0
        GameTime._last_frame = 0
        GameTime._init = False

    @staticmethod
    def get_time() -> float:
        """Simulated seconds since `restart`."""
        return GameTime._current_game_time

    @staticmethod
    def get_carla_time() -> float:
        """Simulated seconds since the simulator's episode began."""
        return GameTime._carla_time

    @staticmethod
    def get_wallclocktime() -> datetime.datetime:
        """The clock on the wall."""
        return datetime.datetime.now()

    @staticmethod
    def get_frame() -> int:
        """Frame of the tick under way."""
        return GameTime._last_frame
