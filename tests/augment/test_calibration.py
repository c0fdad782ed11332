from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from augment.calibration import Uncalibrated, check_calibrated, is_calibrated, looks_of_models, looks_of_store
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.frame import Command, Control, Frame


def store_with(root: Path, *metadata: dict[str, Any]) -> Store:
    with StoreWriter.open(root) as store:
        for number, facts in enumerate(metadata):
            route_id = f"r{number}"
            store.begin_route(route_id, metadata=facts)
            store.append(
                route_id,
                Frame(
                    frame_id=1,
                    elapsed_s=0.0,
                    rgb=np.full((16, 16, 3), len(root.name), np.uint8),
                    seg=None,
                    depth_m=None,
                    instance=None,
                    speed_mps=0.0,
                    ego_to_world=np.eye(4),
                    command=Command.LANE_FOLLOW,
                    target_point_in_ego_m=np.zeros(2, np.float32),
                    control=Control(),
                    condition="clear-day",
                ),
            )
            store.finish_route(route_id)
    return Store.read(root)


def adapted(folder: Path, looks: object) -> Path:
    folder.mkdir()
    (folder / "adapted.json").write_text(json.dumps({"looks": looks}))
    return folder


def test_shipped_models_know_the_default_style_and_no_other(tmp_path):
    assert is_calibrated(store_with(tmp_path / "a", {"look": "embedded/default"}))
    for look in ("embedded/painted", "carla-0.9.16"):
        assert not is_calibrated(store_with(tmp_path / look.replace("/", "-"), {"look": look}))


def test_one_drive_of_an_unknown_look_makes_the_whole_store_uncalibrated(tmp_path):
    store = store_with(tmp_path / "s", {"look": "embedded/default"}, {"look": "embedded/painted"})
    with pytest.raises(Uncalibrated, match=r"look embedded/painted.*--allow-uncalibrated"):
        check_calibrated(store)
    assert check_calibrated(store, allow_uncalibrated=True) == "uncalibrated"


def test_adapted_models_know_the_looks_they_name(tmp_path):
    store = store_with(tmp_path / "s", {"look": "carla-0.9.16"})
    assert check_calibrated(store, adapted(tmp_path / "m", ["carla-0.9.16"])) == "calibrated"


def test_drives_without_a_recorded_look_have_the_style_of_their_run(tmp_path):
    root = tmp_path / "s"
    store = store_with(root, {"delta_s": 0.05})
    assert not is_calibrated(store)
    (root / "run.json").write_text(json.dumps({"config": {"simulator": {"style": "default"}}}))
    assert is_calibrated(store)


def test_imported_pictures_are_a_look_of_their_own(tmp_path):
    first = looks_of_store(store_with(tmp_path / "one", {"imported_as": "plain"}, {"imported_as": "plain"}))
    second = looks_of_store(store_with(tmp_path / "other", {"imported_as": "plain"}))
    assert len(first) == 1
    assert first != second
    assert next(iter(first)).startswith("unnamed-")


@pytest.mark.parametrize("looks", [None, "embedded/default", [1]])
def test_a_folder_that_does_not_name_its_looks_is_refused(tmp_path, looks):
    with pytest.raises(ValueError, match="does not say which looks"):
        looks_of_models(adapted(tmp_path / "m", looks))
