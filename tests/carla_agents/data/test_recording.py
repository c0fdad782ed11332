"""The recording loop against the embedded server: what is driven is stored, stopped runs go on."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from carla_agents.data import recording
from carla_agents.data.check import check_store
from carla_agents.data.drives import plan_drives
from carla_agents.data.errors import StoreError
from carla_agents.data.recording import record
from carla_agents.data.recording_config import RecordingConfig, estimated_bytes
from carla_agents.data.store import Store
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.errors import TrafficManagerStalled
from carla_agents.simulator.stall_watch import StallWatch

_WEATHERS = {
    "clear-day": (5.0, 0, 0, 10, -60, 55, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0),
    "clear-night": (5.0, 0, 0, 10, -60, -60, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0),
}
_CONFIG = RecordingConfig(
    camera=CameraSpec(width_px=64, height_px=36), route_length_m=30.0, min_turns=0, vehicles=2, every_ticks=10
)


def _drives(count: int, condition: str = "clear-day"):
    return plan_drives({condition: count}, _WEATHERS, seed=3, paired=True)


def _digest(root) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def test_a_drive_is_stored_with_pictures_labels_controls_and_its_outcome(tmp_path):
    told = []
    drives = _drives(1) + _drives(1, "clear-night")
    assert record(tmp_path / "s", drives, _CONFIG, on_frame=told.append) == [d.route_id for d in drives]
    summary = check_store(tmp_path / "s")
    assert summary.frames >= 8
    assert told[-1].completion == 1.0
    assert told[-1].frames == summary.frames

    store = Store.read(tmp_path / "s")
    day, night = store.routes()
    assert day.outcome["status"] == "completed"
    assert day.metadata["route_in_world_m"] == night.metadata["route_in_world_m"]
    frames = store.frames(route_id=day.route_id)
    assert [f.elapsed_s for f in frames] == sorted(f.elapsed_s for f in frames)
    assert max(f.speed_mps for f in frames) > 2.0
    positions = np.array([f.ego_to_world[:2, 3] for f in frames])
    driven_m = np.linalg.norm(np.diff(positions, axis=0), axis=1).sum()
    assert driven_m == pytest.approx(day.outcome["driven_m"], abs=6.0)
    first = frames[0].load()
    assert len(np.unique(first.seg)) > 3
    assert first.target_point_in_ego_m[0] > 0
    # The same instant by night: equal labels, darker picture.
    dark = store.frames(route_id=night.route_id)[0].load()
    assert (dark.seg == first.seg).mean() > 0.99
    assert dark.rgb.mean() < 0.7 * first.rgb.mean()

    assert record(tmp_path / "s", drives, _CONFIG) == []


_SCRIPT = textwrap.dedent(
    """
    import sys
    sys.path.insert(0, sys.argv[2])
    from test_recording import _CONFIG, _drives
    from carla_agents.data.recording import record
    from carla_agents.data.stop_request import Stopped
    try:
        record(sys.argv[1], _drives(2), _CONFIG, on_frame=lambda s: print(s.drives_done, s.frames, flush=True))
    except Stopped as stopped:
        print(stopped)
        sys.exit(stopped.exit_code)
    """
)


def _start(root) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", _SCRIPT, str(root), os.path.dirname(__file__)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)


def _run_until(root, line: str, number: int) -> tuple[int, str]:
    process = _start(root)
    assert process.stdout is not None
    for text in process.stdout:
        if text.startswith(line):
            os.killpg(process.pid, number)  # what a terminal does
            break
    rest = process.stdout.read()
    return process.wait(), rest


@pytest.mark.slow
def test_a_recording_stopped_by_ctrl_c_and_then_killed_ends_as_if_it_had_run_through(tmp_path):
    assert _start(tmp_path / "whole").wait() == 0
    root = tmp_path / "stopped"
    code, rest = _run_until(root, "0 3", signal.SIGINT)
    assert code == 130
    assert "stopped by SIGINT" in rest
    assert Store.read(root).verify() == []
    code, _ = _run_until(root, "1 ", signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert _start(root).wait() == 0
    assert _digest(root) == _digest(tmp_path / "whole")


def _stall_at_ticks(monkeypatch, *numbers: int) -> None:
    """Lets the watch report a stall at these ticks."""
    asked = itertools.count(1)
    monkeypatch.setattr(StallWatch, "take_rescues", lambda watch: int(next(asked) in numbers))


def test_a_drive_in_which_the_traffic_manager_stalls_is_driven_anew(tmp_path, monkeypatch, caplog):
    drives = _drives(1)
    record(tmp_path / "plain", drives, _CONFIG)
    # While the scene is set, then well into the drive.
    _stall_at_ticks(monkeypatch, 5, 40)
    assert record(tmp_path / "stalled", drives, _CONFIG) == [drives[0].route_id]
    assert _digest(tmp_path / "stalled") == _digest(tmp_path / "plain")
    assert [message[:14] for message in caplog.messages] == ["attempt 2 of 3", "attempt 3 of 3"]


def test_a_recording_ends_when_the_traffic_manager_stalls_in_every_attempt_and_keeps_nothing_of_it(
    tmp_path, monkeypatch
):
    _stall_at_ticks(monkeypatch, 20, 40, 60)
    with pytest.raises(TrafficManagerStalled):
        record(tmp_path / "s", _drives(1), _CONFIG)
    assert Store.read(tmp_path / "s").routes() == []


def test_too_little_disk_is_said_before_anything_is_driven(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "_RESERVE_BYTES", 1 << 60)
    with pytest.raises(StoreError, match="free some space"):
        record(tmp_path / "s", _drives(1), _CONFIG)


def test_the_folder_of_another_run_is_refused_by_the_setting_that_differs(tmp_path):
    monkey = RecordingConfig(every_ticks=7)
    assert record(tmp_path / "s", [], _CONFIG) == []
    with pytest.raises(StoreError, match=r"config\.camera"):
        record(tmp_path / "s", [], monkey)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"modalities": ("seg",)}, "modalities"),
        ({"every_ticks": 0}, "every_ticks"),
        ({"route_length_m": 5.0}, "route_length_m"),
        ({"max_drive_s": 0.0}, "max_drive_s"),
    ],
)
def test_settings_out_of_range_are_named(change, named):
    with pytest.raises(ValueError, match=named):
        RecordingConfig(**change)


def test_the_estimate_grows_with_drives_and_pictures():
    assert estimated_bytes(_CONFIG, 2) == pytest.approx(2 * estimated_bytes(_CONFIG, 1), abs=2)
    assert estimated_bytes(RecordingConfig(), 1) > estimated_bytes(_CONFIG, 1)
