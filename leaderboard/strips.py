"""`InfractionStrips`: a few pictures from behind the ego around each infraction, as small JPEG files.

A camera behind the ego takes a picture every few ticks; they are kept packed until the drive is over, about 10 kB
each. Nobody waits for a picture, so a drive with strips is the drive without them, only slower by what the camera
costs.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import carla
import cv2
import numpy as np

from carla_agents.simulator.images import view_bgra
from carla_agents.simulator.session import Session
from leaderboard.infractions import Infraction, InfractionKind
from leaderboard.results import DriveKey, DriveRecord

_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 80]
_BAR_PX, _EDGE_PX = 18, 2
_GREY, _RED, _INK = (24, 24, 24), (60, 60, 230), (235, 235, 235)
_LAST_PICTURE_S = 2.0


@dataclass(frozen=True)
class StripConfig:
    """Which pictures a strip shows."""

    width_px: int = 320
    height_px: int = 180
    fov_deg: float = 80.0
    position_in_ego_m: tuple[float, float, float] = (-7.0, 0.0, 3.6)
    """Forward, right, up from the ego's origin."""
    pitch_deg: float = -14.0
    every_ticks: int = 8
    """A picture each so many ticks."""
    before: int = 4
    """Pictures before the infraction."""
    after: int = 2
    """Pictures after the one nearest to the infraction, as far as the drive goes on."""

    def __post_init__(self) -> None:
        if self.every_ticks < 1 or self.before < 0 or self.after < 0:
            given = f"{self.every_ticks}, {self.before}, {self.after}"
            raise ValueError(f"every_ticks must be >= 1, before and after >= 0, got {given}")


def strips_folder(results_path: Path) -> Path:
    """Where the strips of a result file lie: beside it."""
    return results_path.with_suffix(".strips")


def strip_path(results_path: Path, key: DriveKey, event: Infraction) -> Path:
    """The file of one infraction's strip, whether it exists or not."""
    return _drive_folder(results_path, key) / f"{event.frame_id:06d}-{event.kind.value}.jpg"


class InfractionStrips:
    """Watches drives from behind and keeps what led to their infractions.

    Args:
        results_path: the evaluation's result file; strips lie beside it.
        config: camera and rhythm.
    """

    def __init__(self, results_path: Path, config: StripConfig | None = None) -> None:
        self._results_path = results_path
        self._config = config if config is not None else StripConfig()
        self._pictures: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._first_frame = 0
        self._delta_s = 0.05

    def begin(self, session: Session, ego: carla.Vehicle) -> None:
        """Put the camera behind the ego; the next tick is the drive's first.

        Raises:
            SpawnFailed: the server cannot make a camera.
        """
        config = self._config
        self._session, self._delta_s = session, session.config.fixed_delta_s
        self._first_frame = session.frame_id + 1
        pictures: dict[int, np.ndarray] = {}
        self._pictures = pictures
        x, y, z = config.position_in_ego_m
        attributes = {
            "image_size_x": str(config.width_px),
            "image_size_y": str(config.height_px),
            "fov": repr(config.fov_deg),
        }
        if config.every_ticks > 1:
            attributes["sensor_tick"] = repr(round(config.every_ticks * self._delta_s, 6))
        pose = carla.Transform(carla.Location(x=x, y=y, z=z), carla.Rotation(pitch=config.pitch_deg))
        camera = session.spawn("sensor.camera.rgb", pose, attributes, attach_to=ego)

        def keep(image: carla.Image) -> None:
            packed = cv2.imencode(".jpg", view_bgra(image)[..., :3], _QUALITY)[1]
            with self._lock:
                pictures[image.frame] = packed

        camera.listen(keep)

    def write(self, record: DriveRecord) -> list[Path]:
        """Write a strip for every infraction of the drive that has just ended.

        Args:
            record: of the drive that began with `begin`.

        Returns:
            The files; none for `min_speed_infractions`, which have no moment.
        """
        folder = _drive_folder(self._results_path, record.key)
        shutil.rmtree(folder, ignore_errors=True)
        self._await_last_picture()
        with self._lock:
            pictures = dict(self._pictures)
        written = []
        for event in record.infractions:
            if event.kind is InfractionKind.MIN_SPEED or not pictures:
                continue
            path = strip_path(self._results_path, record.key, event)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._strip(pictures, event.frame_id + self._first_frame))
            written.append(path)
        return written

    def _strip(self, pictures: dict[int, np.ndarray], event_frame: int) -> bytes:
        frames = sorted(pictures)
        nearest = min(range(len(frames)), key=lambda k: abs(frames[k] - event_frame))
        shown = frames[max(nearest - self._config.before, 0) : nearest + self._config.after + 1]
        tiles = [
            _tile(
                pictures[frame],
                f"{(frame - event_frame) * self._delta_s:+.1f} s",
                frame == frames[nearest],
            )
            for frame in shown
        ]
        return cv2.imencode(".jpg", np.concatenate(tiles, axis=1), _QUALITY)[1].tobytes()

    def _await_last_picture(self) -> None:
        """Pictures come by another thread: wait for the last one that is due."""
        deadline_s = time.monotonic() + _LAST_PICTURE_S
        while self._session is not None and time.monotonic() < deadline_s:
            with self._lock:
                newest = max(self._pictures, default=None)
            if newest is not None and newest + self._config.every_ticks > self._session.frame_id:
                return
            time.sleep(0.01)


def strips_of(results_path: Path, records: Sequence[DriveRecord]) -> list[tuple[DriveRecord, Infraction, Path]]:
    """Every infraction of some records that has a strip beside the result file."""
    found = []
    for record in records:
        for event in record.infractions:
            path = strip_path(results_path, record.key, event)
            if path.is_file():
                found.append((record, event, path))
    return found


def _drive_folder(results_path: Path, key: DriveKey) -> Path:
    return strips_folder(results_path) / f"{key.route_id}-{key.condition}-{key.repetition}"


def _tile(packed: np.ndarray, caption: str, is_event: bool) -> np.ndarray:
    """(H, W, 3) BGR picture with a bar and an edge around it, red for the moment of the infraction."""
    picture = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"a picture of {packed.size} bytes cannot be unpacked")
    height, width = picture.shape[:2]
    tile = np.full((height + _BAR_PX + _EDGE_PX, width + 2 * _EDGE_PX, 3), _RED if is_event else _GREY, np.uint8)
    tile[_BAR_PX : _BAR_PX + height, _EDGE_PX : _EDGE_PX + width] = picture
    cv2.putText(tile, caption, (6, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.44, _INK, 1, cv2.LINE_AA)
    return tile
