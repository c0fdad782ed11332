"""The server's recordings: one folder of files, at most one being written and one being played."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from carla_server.dynamics import Contact
from carla_server.recorder.packets import MAGIC
from carla_server.recorder.recorder import Recorder
from carla_server.recorder.recording import Recording
from carla_server.recorder.replayer import Replayer, ReplayOptions
from carla_server.roads.town import Town
from carla_server.wire.structs import InvalidArgument, Pose
from carla_server.world.town_source import TownSource
from carla_server.world.world import World

_MAGIC_BYTES = range(4, 4 + len(MAGIC))


class Recordings:
    """Starts and stops recording and replaying; the world tells it of every tick (`World.tape`).

    Attributes:
        directory: where all files are.
        options: for this and the next replays.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.options = ReplayOptions()
        self._recorder: Recorder | None = None
        self._replayer: Replayer | None = None

    def path_of(self, name: str) -> Path:
        """The file of a name.

        CARLA writes wherever a client's absolute path points; here a path, absolute or not, must lie in the folder
        that the server was started with, because whoever can reach the port would else choose files of its user.

        Raises:
            InvalidArgument: it lies elsewhere, or is no name of a file.
        """
        if not name or "\0" in name:
            raise InvalidArgument(f"a recording needs the name of a file, it is {name!r}")
        path = (self.directory / name).resolve()
        if not path.is_relative_to(self.directory) or path == self.directory:
            raise InvalidArgument(
                f"recording {name!r} lies outside the folder {self.directory}; name a file in it, or start the "
                "server with another --recorder-dir"
            )
        return path

    def open(self, name: str) -> Recording:
        """Open a recording to read.

        Raises:
            InvalidArgument: there is none, or it is damaged.
        """
        path = self.path_of(name)
        try:
            return Recording(path)
        except OSError as error:
            raise InvalidArgument(f"cannot read recording {path}: {error.strerror}") from error

    def start(self, name: str, world: World, *, additional_data: bool) -> Path:
        """Begin to record from the next tick on; whatever was recorded or replayed ends.

        Raises:
            InvalidArgument: the file cannot be written, or is something else than a recording.
        """
        path = self.path_of(name)
        try:
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                begin = file.read(_MAGIC_BYTES.stop)
                if begin and begin[_MAGIC_BYTES.start :] != MAGIC.encode():
                    raise InvalidArgument(f"{path} exists and is no recording; it is not overwritten")
            self.stop()
            self.stop_replay(world, keep_actors=True)
            self._recorder = Recorder(path, world, additional_data=additional_data)
        except OSError as error:
            raise InvalidArgument(f"cannot write recording {path}: {error.strerror}") from error
        return path

    def stop(self) -> None:
        """End the recording, if there is one."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            try:
                recorder.close()
            except OSError as error:
                _log_lost(recorder, error)

    def replay(
        self,
        name: str,
        world: World,
        towns: TownSource,
        *,
        start_s: float,
        duration_s: float,
        follow_id: int,
        camera_pose: Pose,
        replay_sensors: bool,
    ) -> str:
        """Play a recording from the next tick on; loads its map if the world has another.

        Args:
            start_s: where to begin; negative counts from the end.
            duration_s: how much to play, 0 for all.

        Returns:
            CARLA's description of what is about to be played.

        Raises:
            InvalidArgument: the recording cannot be played.
        """
        recording = self.open(name)
        if not len(recording):
            raise InvalidArgument(f"recording {name} has no frame; nothing ticked while it was made")
        self.stop()
        self.stop_replay(world, keep_actors=True)
        told = [f"Replaying File: {self.path_of(name)}"]
        map_name = recording.map_name.rsplit("/", 1)[-1]
        if map_name != world.town.name:
            world.begin_episode(_load(towns, map_name), reset_settings=False)
            told.append(f"Loading map {recording.map_name}")
        total_s = recording.duration_s
        start_s = min(start_s if start_s >= 0.0 else max(total_s + start_s, 0.0), total_s)
        end_s = min(start_s + duration_s, total_s) if duration_s > 0.0 else total_s
        told.append(f"Total time recorded: {total_s:g}")
        told.append(f"Replaying from {start_s:g} s - {end_s:g} s ({total_s:g} s) at {self.options.time_factor:.1f}x")
        if self.options.ignore_hero:
            told.append("Ignoring Hero vehicle")
        if self.options.ignore_spectator:
            told.append("Ignoring Spectator camera")
        self._replayer = Replayer(
            recording,
            world,
            start_s=start_s,
            end_s=end_s,
            options=self.options,
            follow_id=follow_id,
            camera_pose=camera_pose,
            replay_sensors=replay_sensors,
            log=_log,
        )
        return "\n".join([*told, ""])

    def stop_replay(self, world: World, *, keep_actors: bool) -> None:
        """End the replay, if there is one."""
        replayer, self._replayer = self._replayer, None
        if replayer is not None:
            replayer.release(world, keep_actors=keep_actors)

    def choose(self, options: ReplayOptions) -> None:
        """Change the options, also of a replay that is under way."""
        self.options = options
        if self._replayer is not None:
            self._replayer.options = options

    # the world calls these

    def move_actors(self, world: World, delta_s: float) -> None:
        """Within a tick, after physics: a replay puts its actors where they were."""
        if self._replayer is None:
            return
        try:
            goes_on = self._replayer.step(world, delta_s)
        except InvalidArgument as error:
            _log(f"the replay ends here: {error}")
            goes_on = False
        if not goes_on:
            self.stop_replay(world, keep_actors=True)

    def record(self, world: World, contacts: Sequence[Contact], delta_s: float) -> None:
        """After a tick: a recording notes it. A full disk ends the recording, not the server."""
        recorder = self._recorder
        if recorder is not None:
            try:
                recorder.record(world, contacts, delta_s)
            except OSError as error:
                self._recorder = None
                _log_lost(recorder, error)

    def end_episode(self) -> None:
        """The world is about to forget all actors."""
        self.stop()
        self._replayer = None


def _load(towns: TownSource, name: str) -> Town:
    try:
        return towns.load(name)
    except ValueError as error:
        raise InvalidArgument(f"the recording was made on map {name}, which cannot be loaded: {error}") from error


def _log_lost(recorder: Recorder, error: OSError) -> None:
    _log(f"recording {recorder.path} ended after {recorder.frames - 1} frames: {error.strerror}")


def _log(message: str) -> None:
    print(f"carla_server: {message}", file=sys.stderr, flush=True)
