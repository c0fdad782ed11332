"""What goes into a store comes out of it."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest

from carla_agents.data.check import check_store
from carla_agents.data.errors import StoreError
from carla_agents.data.poses import pose_table
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreConfig, StoreWriter


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def _record(root, frame, routes=2, frames=4, **config):
    with StoreWriter.open(root, StoreConfig(**config)) as store:
        for number in range(routes):
            condition = ("clear-day", "rain-night")[number % 2]
            split = ("train", "val")[number % 2]
            store.begin_route(f"route-{number}", split=split, metadata={"seed": number})
            for step in range(frames):
                store.append(f"route-{number}", frame(step, condition))
            store.finish_route(f"route-{number}", {"completion": 1.0})


def test_a_frame_comes_back_with_equal_numbers_and_pixels(root, frame):
    _record(root, frame, routes=1)
    original, loaded = frame(3), Store.read(root).frame("route-0/000003").load()
    assert (loaded.rgb == original.rgb).all()
    assert (loaded.seg == original.seg).all()
    assert (loaded.instance == original.instance).all()
    assert loaded.instance.dtype == np.uint16
    assert np.abs(loaded.depth_m - original.depth_m).max() < 1e-4
    assert loaded.depth_m.dtype == np.float32
    assert (loaded.ego_to_world == original.ego_to_world).all()
    assert (loaded.target_point_in_ego_m == original.target_point_in_ego_m).all()
    for name in ("frame_id", "elapsed_s", "speed_mps", "command", "control", "condition", "scalars"):
        assert getattr(loaded, name) == getattr(original, name)


def test_loaded_arrays_are_fresh(root, frame):
    _record(root, frame, routes=1)
    view = Store.read(root).frame("route-0/000000")
    first = view.load()
    first.rgb[:] = 0
    first.ego_to_world[:] = 0
    assert view.load().rgb.any()
    assert view.load().ego_to_world.any()


def test_jpeg_frames_decode_to_the_same_pixels_every_time_and_labels_stay_exact(root, frame):
    _record(root, frame, routes=1, rgb_codec="jpeg")
    view = Store.read(root).frame("route-0/000001")
    assert view.files["rgb"].name.endswith(".jpg")
    assert (view.load_rgb() == view.load_rgb()).all()
    assert (view.load_seg() == frame(1).seg).all()


def test_frames_are_selected_by_condition_split_route_and_predicate(root, frame):
    _record(root, frame)
    store = Store.read(root)
    assert len(store.frames()) == 8
    assert {f.route_id for f in store.frames(condition="rain-night")} == {"route-1"}
    assert [f.key for f in store.frames(split="train", where=lambda f: f.ordinal > 2)] == ["route-0/000003"]
    assert len(store.frames(route_id="route-1")) == 4
    assert store.frames(route_id="absent") == []


def test_routes_keep_what_was_known_before_and_after_the_drive(root, frame):
    _record(root, frame)
    first, second = Store.read(root).routes()
    assert (first.route_id, first.split, first.frame_count) == ("route-0", "train", 4)
    assert second.metadata == {"seed": 1}
    assert second.outcome == {"completion": 1.0}


def test_a_variant_is_found_by_its_identity_and_keeps_its_provenance(root, frame):
    _record(root, frame, routes=1)
    made_by = {"synthesizer": "procedural-1", "prompt": "a rainy night", "seed_of_run": 3}
    rgb = frame(77).rgb
    with StoreWriter.open(root) as store:
        store.add_variant("route-0/000002", "rain-night", 2**64 - 1, rgb, made_by)
        with pytest.raises(ValueError, match="exists already"):
            store.add_variant("route-0/000002", "rain-night", 2**64 - 1, rgb, made_by)
        store.add_variant("route-0/000002", "rain-night", 2**64 - 1, rgb, {"synthesizer": "diffusion-small"})
        store.add_failure("route-0/000003", "fog-day", 5, "procedural-1", "not a number")
    store = Store.read(root)
    variant = store.variant("route-0/000002", "rain-night", "procedural-1", 2**64 - 1)
    assert (variant.load_rgb() == rgb).all()
    assert variant.provenance == made_by
    assert variant.frame.key == "route-0/000002"
    assert len(store.variants("route-0/000002")) == 2
    assert len(store.variants(synthesizer="diffusion-small")) == 1
    assert store.variants(condition="fog-day") == []
    assert store.variant("route-0/000002", "rain-night", "procedural-1", 0) is None
    assert store.failures()[0].reason == "not a number"


def test_future_waypoints_lie_straight_ahead_of_a_car_that_drives_straight(root, frame):
    _record(root, frame, routes=1, frames=11)
    table = pose_table(Store.read(root), "route-0")
    waypoints, known = table.future_waypoints_in_ego_m(spacing_s=0.25, count=4)
    np.testing.assert_allclose(waypoints[0], [[1, 0], [2, 0], [3, 0], [4, 0]], atol=1e-5)
    assert known[0].all()
    assert known[-1].sum() == 0
    assert known[6].tolist() == [True, False, False, False]
    assert waypoints.dtype == np.float32


def test_future_waypoints_are_seen_from_the_ego_frame_with_right_positive(root, frame):
    with StoreWriter.open(root) as store:
        store.begin_route("r")
        for step in range(2):
            pose = np.eye(4)
            pose[:3, 3] = (0.0, 3.0 * step, 0.0)
            store.append("r", dataclasses.replace(frame(step), ego_to_world=pose, elapsed_s=float(step)))
    waypoints, _ = pose_table(Store.read(root), "r").future_waypoints_in_ego_m(1.0, 1)
    assert waypoints[0, 0].tolist() == [0.0, 3.0]


@pytest.mark.parametrize("name", ["../up", "a/b", "", "..", "x" * 81, "with space", "nul\0"])
def test_names_that_could_leave_the_folder_are_refused(root, frame, name):
    with StoreWriter.open(root) as store:
        with pytest.raises(ValueError, match="route_id"):
            store.begin_route(name)
        store.begin_route("r")
        with pytest.raises(ValueError, match="condition"):
            store.append("r", frame(0, condition=name))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rgb": np.zeros((18, 32), np.uint8)}, "rgb"),
        ({"seg": np.zeros((9, 32), np.uint8)}, "seg"),
        ({"seg": np.zeros((18, 32), np.int64)}, "seg"),
        ({"depth_m": np.full((18, 32), np.nan, np.float32)}, "depth_m"),
        ({"speed_mps": float("nan")}, "not finite"),
        ({"scalars": {"gap_m": float("inf")}}, "not finite"),
    ],
)
def test_a_frame_that_breaks_its_contract_is_refused_and_nothing_is_stored(root, frame, change, named):
    with StoreWriter.open(root) as store:
        store.begin_route("r")
        with pytest.raises(ValueError, match=named):
            store.append("r", dataclasses.replace(frame(0), **change))
        assert store.append("r", frame(0)) == "r/000000"
        store.finish_route("r")
    assert check_store(root).frames == 1


def test_frames_need_a_route_that_is_open(root, frame):
    with StoreWriter.open(root) as store:
        with pytest.raises(ValueError, match="begin_route"):
            store.append("r", frame(0))
        store.begin_route("r")
        with pytest.raises(ValueError, match="exists already"):
            store.begin_route("r")
        store.finish_route("r")
        with pytest.raises(ValueError, match="finished"):
            store.append("r", frame(0))


def test_a_reader_sees_what_was_acknowledged_while_the_writer_goes_on(root, frame):
    with StoreWriter.open(root) as writer:
        writer.begin_route("r")
        writer.append("r", frame(0))
        early = Store.read(root)
        writer.append("r", frame(1))
        assert len(early.frames()) == 1
        assert len(Store.read(root).frames()) == 2


def test_a_closed_writer_says_so(root, frame):
    with StoreWriter.open(root) as store:
        store.begin_route("r")
    with pytest.raises(StoreError, match="closed"):
        store.append("r", frame(0))


def test_resume_discards_only_unfinished_routes_and_their_variants(root, frame):
    _record(root, frame, routes=2)
    whole = {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
    with StoreWriter.open(root) as store:
        store.begin_route("half")
        key = store.append("half", frame(0))
        store.add_variant(key, "fog-day", 1, frame(5).rgb, {"synthesizer": "s"})
    with StoreWriter.open(root) as store:
        assert store.resume() == ["half"]
        assert [r.route_id for r in store.routes()] == ["route-0", "route-1"]
        with pytest.raises(ValueError, match="no frame"):
            store.frame(key)
    assert {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()} == whole


def test_the_same_frames_give_a_byte_identical_store(tmp_path, frame):
    trees = []
    for name in ("a", "b"):
        _record(tmp_path / name, frame)
        trees.append({p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*")})
    assert trees[0] == trees[1]


def test_check_store_counts_what_a_sound_store_holds(root, frame):
    _record(root, frame)
    seen = []
    summary = check_store(root, progress=lambda done, total: seen.append((done, total)))
    assert (summary.routes, summary.unfinished_routes, summary.frames) == (2, 0, 8)
    assert summary.frames_of_condition == {"clear-day": 4, "rain-night": 4}
    assert seen[-1] == (8, 8)


def test_a_store_written_by_the_first_version_still_reads(frame):
    golden = pathlib.Path(__file__).parents[2] / "golden" / "store_v1"
    summary = check_store(golden)
    assert (summary.frames, summary.variants, summary.failures) == (2, 1, 1)
    view = Store.read(golden).frame("golden-0000-clear-day/000001")
    expected = frame(1, width_px=16, height_px=9)
    assert (view.load_rgb() == expected.rgb).all()
    assert (view.load_seg() == expected.seg).all()
    assert view.target_point_in_ego_m.tolist() == [11.0, -1.5]
    variant = Store.read(golden).variants(view.key)[0]
    assert (variant.load_rgb() == frame(9, width_px=16, height_px=9).rgb).all()
    assert variant.seed == 2**63 + 1
