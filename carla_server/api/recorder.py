"""Recording, replaying, and what a recording holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.recorder import report
from carla_server.wire.structs import (
    InvalidArgument,
    Pose,
    pose_to_wire,
    read_bool,
    read_float,
    read_id,
    read_int,
    read_pose,
    read_str,
)

_FOLLOW_POSE: Pose = (-10.0, 0.0, 5.0, -25.0, 0.0, 0.0)  # CARLA's camera behind a followed actor
_LONGEST_S = 1e9
_FASTEST = 1e3
_LONGEST_TEXT = 32 << 20


def start_recorder(simulator: Simulator, name: Any, additional_data: Any = False) -> str:
    """Record from the next tick on; returns the file's full path."""
    path = simulator.recordings.start(
        read_str(name, "recording"), simulator.world, additional_data=read_bool(additional_data, "additional_data")
    )
    return str(path)


def stop_recorder(simulator: Simulator) -> None:
    simulator.recordings.stop()


def replay_file(
    simulator: Simulator,
    name: Any,
    start: Any,
    duration: Any,
    follow_id: Any,
    replay_sensors: Any = False,
    offset: Any = None,
) -> str:
    """Play a recording; times in seconds, a negative start counts from the end, duration 0 means all."""
    return simulator.recordings.replay(
        read_str(name, "recording"),
        simulator.world,
        simulator.towns,
        start_s=read_float(start, "start", -_LONGEST_S, _LONGEST_S),
        duration_s=read_float(duration, "duration", -_LONGEST_S, _LONGEST_S),
        follow_id=read_id(follow_id, "follow id"),
        camera_pose=read_pose(pose_to_wire(_FOLLOW_POSE) if offset is None else offset, "offset"),
        replay_sensors=read_bool(replay_sensors, "replay_sensors"),
    )


def stop_replayer(simulator: Simulator, keep_actors: Any) -> None:
    """End the replay; its actors stay, or are removed."""
    simulator.recordings.stop_replay(simulator.world, keep_actors=read_bool(keep_actors, "keep_actors"))


def set_replayer_time_factor(simulator: Simulator, factor: Any) -> None:
    recordings = simulator.recordings
    recordings.choose(replace(recordings.options, time_factor=read_float(factor, "time factor", 0.0, _FASTEST)))


def set_replayer_ignore_hero(simulator: Simulator, ignore: Any) -> None:
    recordings = simulator.recordings
    recordings.choose(replace(recordings.options, ignore_hero=read_bool(ignore, "ignore_hero")))


def set_replayer_ignore_spectator(simulator: Simulator, ignore: Any) -> None:
    recordings = simulator.recordings
    recordings.choose(replace(recordings.options, ignore_spectator=read_bool(ignore, "ignore_spectator")))


def show_recorder_file_info(simulator: Simulator, name: Any, show_all: Any) -> str:
    recording = simulator.recordings.open(read_str(name, "recording"))
    text = report.file_info(recording, show_all=read_bool(show_all, "show_all"))
    if len(text) > _LONGEST_TEXT:
        raise InvalidArgument(
            f"the text about recording {name} has {len(text) >> 20} MiB, at most {_LONGEST_TEXT >> 20} MiB are sent; "
            "ask with show_all=False, or read the file with carla_server.recorder"
        )
    return text


def show_recorder_collisions(simulator: Simulator, name: Any, category: Any, other_category: Any) -> str:
    """Collisions between two kinds of actors, each named by a letter."""
    recording = simulator.recordings.open(read_str(name, "recording"))
    return report.collisions(recording, _category(category), _category(other_category))


def show_recorder_actors_blocked(simulator: Simulator, name: Any, min_time: Any, min_distance: Any) -> str:
    """Actors that moved less than a distance (cm) for at least a time (s)."""
    recording = simulator.recordings.open(read_str(name, "recording"))
    return report.blocked(
        recording, read_float(min_time, "min_time", 0.0), read_float(min_distance, "min_distance", 0.0)
    )


def _category(value: Any) -> str:
    letter = chr(read_int(value, "category", 0, 127))
    if letter not in report.CATEGORIES:
        raise InvalidArgument(
            f"category is {letter!r}, it must be one of o (other), v (vehicle), w (walker), t (traffic light), "
            "h (hero), a (any)"
        )
    return letter


PROCEDURES = {
    **rows(
        Returns.VALUE,
        start_recorder,
        replay_file,
        show_recorder_file_info,
        show_recorder_collisions,
        show_recorder_actors_blocked,
    ),
    **rows(
        Returns.VOID,
        stop_recorder,
        stop_replayer,
        set_replayer_time_factor,
        set_replayer_ignore_hero,
        set_replayer_ignore_spectator,
    ),
}
