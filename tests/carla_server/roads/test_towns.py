"""Loading towns by name."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from carla_server.roads.opendrive import OpenDriveError
from carla_server.roads.towns import SHIPPED_DIR, UnknownTownError, available_towns, load_town, town_from_opendrive

REAL_TOWNS = Path(__file__).resolve().parents[4] / "shared" / "data" / "carla_towns"


def test_a_town_may_be_named_with_the_path_that_carla_puts_in_front(town):
    assert load_town("/Game/Carla/Maps/TownGrid") is town


def test_an_unknown_town_is_refused_with_the_names_that_exist():
    with pytest.raises(UnknownTownError, match=r"Atlantis.*TownGrid"):
        load_town("Atlantis")


def test_a_map_directory_adds_its_maps(tmp_path):
    shutil.copy(SHIPPED_DIR / "TownGrid.xodr", tmp_path / "Mine.xodr")
    assert available_towns(tmp_path) == sorted(["Mine", *available_towns()])
    assert load_town("Mine", tmp_path).name == "Mine"


def test_a_broken_file_in_the_map_directory_is_an_opendrive_error(tmp_path):
    (tmp_path / "Broken.xodr").write_text("<OpenDRIVE><road")
    with pytest.raises(OpenDriveError):
        load_town("Broken", tmp_path)


def test_loading_is_reproducible_to_the_bit(town):
    again = town_from_opendrive.__wrapped__(town.name, town.opendrive)
    assert again is not town
    assert np.array_equal(again.surface.vertices, town.surface.vertices)
    assert again.placements == town.placements
    assert again.traffic_lights == town.traffic_lights
    assert again.navmesh == town.navmesh


LONE_ROAD = """<OpenDRIVE><road name="r" length="40" id="7" junction="-1"><link/>
<planView><geometry s="0" x="10" y="-20" hdg="0.4" length="40"><line/></geometry></planView>
<elevationProfile><elevation s="0" a="1" b="0.02" c="0.0001" d="0"/></elevationProfile><lateralProfile/>
<lanes><laneSection s="0"><center><lane id="0" type="none"><roadMark sOffset="0" type="broken" width="0.12"/></lane>
</center><right><lane id="-1" type="driving"><width sOffset="0" a="3" b="0.01" c="0" d="0"/></lane>
<lane id="-2" type="sidewalk"><width sOffset="0" a="2" b="0" c="0" d="0"/></lane></right></laneSection></lanes>
<signals><signal id="3" s="30" t="-4" type="1000001" orientation="+" dynamic="yes"/></signals></road></OpenDRIVE>"""


def test_a_single_road_without_junction_is_a_town_too():
    lone = town_from_opendrive("Lone", LONE_ROAD)
    assert len(lone.spawn_points) >= 1
    assert len(lone.traffic_lights) == 1
    assert lone.surface.triangle_count > 100


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_map_loads_or_is_refused_but_never_crashes(seed):
    random = np.random.default_rng(seed)
    values = ["", "0", "-1", "1e8", "nan", "x", "-40", "3.5", "999999999", "solid", "7"]
    parts = LONE_ROAD.split('"')
    for _ in range(int(random.integers(1, 4))):
        parts[2 * int(random.integers(len(parts) // 2)) + 1] = values[int(random.integers(len(values)))]
    with contextlib.suppress(OpenDriveError):
        town = town_from_opendrive.__wrapped__("Damaged", '"'.join(parts))
        assert np.isfinite(town.surface.vertices["position_m"]).all()


@pytest.mark.parametrize(("name", "lights"), [("Town01", 36), ("Town10HD", 17)])
def test_real_carla_towns_load(name, lights):
    if not (REAL_TOWNS / f"{name}.xodr").is_file():
        pytest.skip("CARLA's own towns are not beside this checkout")
    real = load_town(name, REAL_TOWNS)
    assert len(real.traffic_lights) == lights
    assert len(real.spawn_points) > 100
    assert real.navmesh
    assert np.isfinite(real.surface.vertices["position_m"]).all()
