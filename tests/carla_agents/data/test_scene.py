"""Where everybody was: packed, checked, kept beside a frame, and absent from older stores."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

from carla_agents.data.check import check_store
from carla_agents.data.errors import StoreError
from carla_agents.data.scene import CastMember, SceneCast, SceneState
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    return SceneState(
        actor_ids=np.array([70, 71, 90], np.uint32),
        pose=rng.normal(size=(3, 6)).astype(np.float32),
        light_states=np.array([3, 0, 0], np.uint32),
        control=rng.random((3, 3)).astype(np.float32),
        wheels_deg=rng.normal(size=(3, 2)).astype(np.float32),
        traffic_lights=np.array([0, 2, 2, 4], np.uint8),
        walker_ids=np.array([90], np.uint32),
        bones=rng.normal(size=(1, 66, 6)).astype(np.float32),
    )


def test_a_scene_comes_back_as_it_was(scene):
    read = SceneState.unpack(scene.pack(), "x")
    for name in SceneState.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(read, name), getattr(scene, name))


def test_arrays_that_do_not_fit_or_are_not_finite_are_refused(scene):
    with pytest.raises(ValueError, match=r"scene\.pose is \(2, 6\)"):
        replace(scene, pose=scene.pose[:2]).pack()
    with pytest.raises(ValueError, match=r"scene\.control"):
        replace(scene, control=np.full((3, 3), np.nan, np.float32)).pack()


def test_damaged_scenes_are_told_from_newer_ones(scene):
    data = scene.pack()
    raw = zlib.decompress(data)
    faults = {
        "no scene": [b"", b"not zlib", zlib.compress(b"short")],
        "version 2": [zlib.compress(raw[:4] + b"\2\0" + raw[6:])],
        "damaged": [
            zlib.compress(raw[:-1]),
            zlib.compress(raw + b"x"),
            zlib.compress(raw[:6] + b"\xff\xff" + raw[8:]),
        ],
        "not finite": [zlib.compress(raw[:-4] + np.float32(np.nan).tobytes())],
    }
    for complaint, files in faults.items():
        for file in files:
            with pytest.raises(StoreError, match=complaint):
                SceneState.unpack(file, "x.bin")
    for cut in range(len(data)):
        with pytest.raises(StoreError):
            SceneState.unpack(data[:cut], "x.bin")


def test_a_store_keeps_a_scene_beside_its_frame_and_checks_it(tmp_path, frame, scene):
    with StoreWriter.open(tmp_path / "s") as store:
        store.begin_route("r")
        store.append("r", frame(0), scene=scene)
        store.append("r", frame(1))
        store.finish_route("r")
    check_store(tmp_path / "s")
    first, second = Store.read(tmp_path / "s").frames()
    np.testing.assert_array_equal(first.load_scene().pose, scene.pose)
    np.testing.assert_array_equal(first.load().rgb, frame(0).rgb)
    with pytest.raises(StoreError, match=r"has no scene, .*record it anew"):
        second.load_scene()
    (tmp_path / "s" / first.files["scene"].name).write_bytes(b"something else")
    assert len(Store.read(tmp_path / "s").verify()) == 1


def test_a_store_of_version_1_is_read_and_grows_without_scenes(tmp_path, frame, scene):
    with StoreWriter.open(tmp_path / "s") as store:
        store.begin_route("r")
        store.append("r", frame(0))
    form = json.loads((tmp_path / "s" / "store.json").read_text())
    assert form["version"] == 2
    (tmp_path / "s" / "store.json").write_text(json.dumps({**form, "version": 1}))
    with StoreWriter.open(tmp_path / "s") as store:
        store.append("r", frame(1))
        with pytest.raises(ValueError, match="version 1, which keeps no scenes"):
            store.append("r", frame(2), scene=scene)
        store.finish_route("r")
    assert len(Store.read(tmp_path / "s").frames()) == 2
    (tmp_path / "s" / "store.json").write_text(json.dumps({**form, "version": 3}))
    with pytest.raises(StoreError, match="format version 3, this program reads 1 to 2"):
        Store.read(tmp_path / "s")


def test_a_cast_comes_back_from_metadata_and_its_absence_is_explained():
    cast = SceneCast(
        7, (CastMember(7, "vehicle.audi.tt", {"color": "1,2,3"}),), ((1.0, 2.0, 3.0),), ("crl_root", "crl_hips__C")
    )
    assert SceneCast.from_json(json.loads(json.dumps(cast.to_json())), "r") == cast
    with pytest.raises(ValueError, match="route r keeps no states of its actors"):
        SceneCast.from_json(None, "r")
    with pytest.raises(ValueError, match="cannot be read"):
        SceneCast.from_json({"ego": 7, "members": [[1]]}, "r")
