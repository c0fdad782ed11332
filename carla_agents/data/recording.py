"""`record`: the expert drives, and what it saw and did goes into a store."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from carla_agents.data.drive_recorder import DriveRecorder, Stage
from carla_agents.data.drives import Drive
from carla_agents.data.errors import StoreError
from carla_agents.data.pair_replay import ReplayConfig, replay_pairs
from carla_agents.data.provenance import run_record, write_run_record
from carla_agents.data.recording_config import RecordingConfig, estimated_bytes
from carla_agents.data.stop_request import StopRequest
from carla_agents.data.store_writer import StoreWriter
from carla_agents.data.true_variants import missing_true_variants
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.errors import SimulatorError, TrafficManagerStalled
from carla_agents.simulator.relighter import Relighter, can_relight
from carla_agents.simulator.session import Session, SimulatorConfig

_RESERVE_BYTES = 64 << 20
_MAX_ATTEMPTS = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordingStatus:
    """How far a recording is, told after every frame.

    Attributes:
        drive: the drive under way.
        drives_done, drives: counts, those of an earlier run included.
        completion: share of the present drive, in [0, 1].
        frames: frames recorded by this run.
    """

    drive: Drive
    drives_done: int
    drives: int
    completion: float
    frames: int


def record(
    root: str | os.PathLike[str],
    drives: Sequence[Drive],
    config: RecordingConfig,
    *,
    seed: int = 0,
    on_frame: Callable[[RecordingStatus], None] | None = None,
    stage: Stage | None = None,
) -> list[str]:
    """Drive and record; called again with the same arguments it goes on where it was stopped or killed.

    Finished drives are skipped and an unfinished one is driven anew, so the store ends up the same (on the embedded
    server byte for byte). A drive in which the Traffic Manager stalled is driven anew as well, at most twice.

    True variants of drives with `pairs` are made at once where the server can relight, and elsewhere by replaying
    each drive after it was recorded.

    Args:
        root: folder of the store; created if absent.
        drives: what to drive, in this order.
        config: how.
        seed: of the run, for the run record.
        on_frame: told after every recorded frame and every drive.
        stage: what happens on a drive besides traffic.

    Returns:
        names of the drives made now.

    Raises:
        Stopped: Ctrl-C or SIGTERM; everything recorded is kept.
        StoreError: the disk is or would be full, or the folder belongs to another run.
        SimulatorError: the simulator could not be reached, was lost, or missed a picture, or its Traffic Manager
            stalled three times in one drive.
    """
    made: list[str] = []
    with StoreWriter.open(root, config.store) as store, StopRequest() as stop:
        write_run_record(root, run_record(_without_address(config), {"run": seed}))
        store.resume()
        finished = {route.route_id for route in store.routes()}
        waiting = [drive for drive in drives if drive.route_id not in finished]
        if not waiting and not any(_unpaired(store, drive) for drive in drives):
            return made
        variants = sum(len(drive.other_pairs) for drive in waiting)
        _check_space(store.root, estimated_bytes(config, len(waiting), variants / max(len(waiting), 1)))
        frames = 0
        with Session.open(config.simulator) as session, contextlib.ExitStack() as resources:
            planner = RoutePlanner(session.map)
            relighter = None
            if variants and can_relight(session):
                relighter = resources.enter_context(Relighter(session))
            for number, drive in enumerate(waiting, start=len(drives) - len(waiting)):
                _check_space(store.root, 0)
                tell = _Teller(on_frame, drive, number, len(drives), frames)
                try:
                    frames += _drive_attempts(session, planner, drive, config, store, relighter, stop, tell, stage)
                except SimulatorError:
                    # Ctrl-C reaches an embedded server too: then its loss is a consequence, not the news.
                    stop.check(f"{number} of {len(drives)} drives are recorded; the same command goes on from here")
                    raise
                made.append(drive.route_id)
            for drive in drives:
                if _unpaired(store, drive):
                    replay_pairs(session, store, drive.route_id, drive.other_pairs, ReplayConfig(), stop)
    return made


def _unpaired(store: StoreWriter, drive: Drive) -> bool:
    """Whether a drive lacks true variants that it should have."""
    return bool(missing_true_variants(store, drive.route_id, [pair.condition for pair in drive.other_pairs]))


def _drive_attempts(
    session: Session,
    planner: RoutePlanner,
    drive: Drive,
    config: RecordingConfig,
    store: StoreWriter,
    relighter: Relighter | None,
    stop: StopRequest,
    tell: _Teller,
    stage: Stage | None,
) -> int:
    """Drive, and again from the beginning if the Traffic Manager stalls; returns the number of frames recorded."""
    attempt = 1
    while True:
        try:
            return DriveRecorder(session, planner, drive, config, store, relighter, stage).run(stop, tell)
        except TrafficManagerStalled as error:
            store.resume()
            if attempt == _MAX_ATTEMPTS:
                raise
            attempt += 1
            _log.warning("attempt %d of %d at drive %s: %s", attempt, _MAX_ATTEMPTS, drive.route_id, error)


@dataclass(frozen=True)
class _Teller:
    """Turns what one drive tells into the status of the whole recording."""

    on_frame: Callable[[RecordingStatus], None] | None
    drive: Drive
    drives_done: int
    drives: int
    frames_before: int

    def __call__(self, completion: float, frames: int) -> None:
        if self.on_frame is not None:
            status = RecordingStatus(
                self.drive, self.drives_done, self.drives, completion, self.frames_before + frames
            )
            self.on_frame(status)


def _without_address(config: RecordingConfig) -> RecordingConfig:
    """The server's address is no part of a run's identity: a recording may go on with a server elsewhere."""
    home = SimulatorConfig()
    return replace(config, simulator=replace(config.simulator, host=home.host, port=home.port))


def _check_space(root: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(root).free
    if free < needed_bytes + _RESERVE_BYTES:
        raise StoreError(
            f"the disk of {root} has {free >> 20} MiB free, about {(needed_bytes + _RESERVE_BYTES) >> 20} MiB are "
            "needed: free some space, record less or smaller pictures, or choose another folder"
        )
