"""True variants of recorded frames: relit by the server, or replayed on one that cannot relight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from carla_agents.data.check import check_store
from carla_agents.data.drives import Drive, PairedCondition, plan_drives
from carla_agents.data.pair_replay import Agreement, ReplayConfig
from carla_agents.data.recording import record
from carla_agents.data.recording_config import RecordingConfig
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.data.true_variants import PairCounts, missing_true_variants, true_variant
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.session import SimulatorConfig

_DAY = (5.0, 0, 0, 10, -60, 55, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
_NIGHT = (5.0, 0, 0, 10, -60, -60, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
_PAIRS = (PairedCondition("clear-day", _DAY), PairedCondition("clear-night", _NIGHT))
_CONFIG = RecordingConfig(
    camera=CameraSpec(width_px=64, height_px=36),
    route_length_m=30.0,
    min_turns=0,
    vehicles=3,
    walkers=2,
    every_ticks=10,
)
_PLAIN = replace(_CONFIG, simulator=SimulatorConfig(extensions=False))


def _drive(condition="clear-day", pairs=_PAIRS):
    weathers = {pair.condition: pair.weather for pair in _PAIRS}
    return plan_drives({condition: 1}, weathers, seed=3, paired=True, pairs=pairs)


@pytest.fixture(scope="module")
def relit(tmp_path_factory):
    """A store with a day drive whose frames are relit by night."""
    root = tmp_path_factory.mktemp("relit") / "s"
    record(root, _drive(), _CONFIG)
    return root


def test_a_relit_variant_is_the_frame_of_the_same_drive_recorded_by_night(relit, tmp_path):
    check_store(relit)
    record(tmp_path / "night", _drive("clear-night", ()), _CONFIG)
    day, night = Store.read(relit).frames(), Store.read(tmp_path / "night").frames()
    assert len(day) == len(night) >= 6
    for frame, native in zip(day, night, strict=True):
        variant = true_variant(frame, "clear-night")
        assert variant.synthesizer == "relight"
        np.testing.assert_array_equal(variant.load_rgb(), native.load_rgb())
        assert true_variant(frame, "clear-day") is None  # the frame itself shows it
    assert str(PairCounts.of(Store.read(relit))) == f"{len(day)} relit"


def test_a_server_that_cannot_relight_replays_the_drive_and_gets_nearly_the_same_pictures(relit, tmp_path):
    root = tmp_path / "replayed"
    record(root, _drive(), _PLAIN)
    check_store(root)
    store, exact = Store.read(root), Store.read(relit)
    counts = PairCounts.of(store)
    assert counts.relit == 0
    assert counts.replayed >= 0.8 * len(store.frames())
    assert f"{counts.replayed} replayed and {counts.rejected} rejected" in str(counts)
    for variant in store.variants(synthesizer="replay"):
        assert variant.provenance["seg_agreement"] >= 0.98
        assert variant.provenance["depth_agreement"] >= 0.98
        wanted = true_variant(exact.frame(variant.frame.key), "clear-night").load_rgb().astype(int)
        # Sensor noise differs, because time does.
        assert np.abs(wanted - variant.load_rgb()).mean() < 4.0
    assert record(root, _drive(), _PLAIN) == []


@pytest.mark.slow
def test_pairs_that_are_missing_from_a_finished_drive_are_made_by_replay(tmp_path):
    root = tmp_path / "s"
    record(root, _drive(pairs=()), _CONFIG)
    (drive,) = _drive()
    assert len(missing_true_variants(Store.read(root), drive.route_id, ["clear-day", "clear-night"])) >= 6
    assert record(root, [drive], _CONFIG) == []
    assert missing_true_variants(Store.read(root), drive.route_id, ["clear-day", "clear-night"]) == []


def test_pictures_that_show_something_else_are_rejected_and_counted(relit):
    frame = Store.read(relit).frames()[0]
    seg, depth_m = frame.load_seg(), frame.load_depth_m()
    same = Agreement.of(frame, {"seg": seg, "depth_m": depth_m * 1.01}, 0.02)
    assert (same, same.complaint(ReplayConfig())) == (Agreement(1.0, 1.0), "")
    moved = {"seg": np.roll(seg, 12, axis=0), "depth_m": np.roll(depth_m, 12, axis=0)}
    complaint = Agreement.of(frame, moved, 0.02).complaint(ReplayConfig())
    assert "labels agree at" in complaint
    assert "depth agree at" in complaint


def test_rejected_pictures_are_not_tried_again_and_make_the_rate(tmp_path, frame):
    with StoreWriter.open(tmp_path / "s") as store:
        store.begin_route("r")
        for number in range(4):
            key = store.append("r", frame(number))
            if number:
                store.add_variant(key, "rain-night", 0, frame(9).rgb, {"synthesizer": "replay"})
            else:
                store.add_failure(key, "rain-night", 0, "replay", "labels differ")
        store.finish_route("r")
        assert missing_true_variants(store, "r", ["rain-night", "clear-day"]) == []
        assert PairCounts.of(store).rejection_rate == 0.25
        assert "3 replayed and 1 rejected (25.0 %)" in str(PairCounts.of(store))


def test_wrong_pairs_are_refused_with_the_value():
    with pytest.raises(ValueError, match="each condition may be named once"):
        Drive("r", "clear-day", _DAY, 0, pairs=(_PAIRS[0], _PAIRS[0]))
    with pytest.raises(ValueError, match="has 3 numbers"):
        PairedCondition("fog-day", (1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match=r"least_seg_agreement is 1\.5"):
        ReplayConfig(least_seg_agreement=1.5)
