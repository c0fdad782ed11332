"""Maps through the real client: folders of maps, other names, maps sent as text, and maps that are no maps."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import carla
import pytest

from carla_server.roads.towns import SHIPPED_DIR
from tests.conftest import start_server

LONG_ROAD = """<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4"/>
<road name="r" length="200" id="7" junction="-1"><link/>
<type s="0" type="town"><speed max="50" unit="km/h"/></type>
<planView><geometry s="0" x="10" y="-20" hdg="0" length="200"><line/></geometry></planView>
<elevationProfile><elevation s="0" a="1" b="0" c="0" d="0"/></elevationProfile><lateralProfile/>
<lanes><laneSection s="0">
<left><lane id="1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></left>
<center><lane id="0" type="none"><roadMark sOffset="0" type="broken" width="0.12"/></lane></center>
<right><lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>
<lane id="-2" type="sidewalk"><width sOffset="0" a="2" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""

BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<OpenDRIVE><header/><road name="&b;"/></OpenDRIVE>"""

BAD_TEXTS = {
    "bomb": (BOMB, "not plain XML"),
    "empty": ("", "not plain XML"),
    "html": ("<html><body/></html>", "<html>"),
    "roadless": ("<OpenDRIVE><header/></OpenDRIVE>", "no road"),
    "deep": ("<OpenDRIVE>" + "<a>" * 5000 + "</a>" * 5000 + "</OpenDRIVE>", "nested deeper"),
    "nan": (LONG_ROAD.replace('length="200"', 'length="nan"', 1), "length='nan'"),
    "far away": (LONG_ROAD.replace('x="10"', 'x="1e12"'), "x='1e12'"),
    "too long": (LONG_ROAD.replace('length="200"', 'length="1e6"'), "1000000.0 m long"),
    "lost road": (
        LONG_ROAD.replace("<link/>", '<link><successor elementType="road" elementId="99"/></link>'),
        "road 99",
    ),
    "lost junction": (LONG_ROAD.replace('junction="-1"', 'junction="4"'), "junction 4"),
    "late start": (LONG_ROAD.replace('geometry s="0"', 'geometry s="5"'), "first <geometry> at s = 5 m"),
    "no driving lane": (LONG_ROAD.replace('type="driving"', 'type="grass"'), "no driving lane"),
    "lane without end": (LONG_ROAD.replace('a="3.5"', 'a="900"'), "900"),
}


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    shutil.copy(SHIPPED_DIR / "TownHill.xodr", folder / "Lakeside.xodr")
    (folder / "Lane.xodr").write_text(LONG_ROAD)
    (folder / "Broken.xodr").write_text(LONG_ROAD[:300])
    (folder / "Binary.xodr").write_bytes(b"\xff\xfe\x00\x01")
    return folder


@pytest.fixture(scope="module")
def map_server(maps):
    options = ("--map-dir", str(maps), "--map", "Lane", "--map-alias", "Town03=Lakeside", "--no-rendering")
    running = start_server(*options)
    yield running
    running.stop()


@pytest.fixture
def map_client(map_server):
    return map_server.client()


def _generated(client, text: str, **parameters):
    client.generate_opendrive_world(text, carla.OpendriveGenerationParameters(**parameters))
    return client.get_world()


def test_a_folder_of_maps_is_served_by_file_name_beside_the_shipped_towns(map_client):
    available = map_client.get_available_maps()
    for name in ("Lakeside", "Lane", "Town03", "TownGrid", "TownRing", "TownArterial", "TownHill"):
        assert f"/Game/Carla/Maps/{name}" in available
    world = map_client.load_world("Lane")
    assert world.get_map().name == "Carla/Maps/Lane"
    assert world.get_map().to_opendrive() == LONG_ROAD


@pytest.mark.parametrize("asked", ["Lakeside", "/Game/Carla/Maps/Lakeside_Opt", "Town03", "Town03_Opt"])
def test_a_map_is_named_as_the_client_asked_for_it(map_client, asked):
    world = map_client.load_world(asked)
    assert world.get_map().name.rpartition("/")[2] == asked.rpartition("/")[2]
    assert len(world.get_map().get_spawn_points()) > 100


def test_an_unknown_map_is_refused_with_the_names_that_exist_and_the_world_stays(map_client):
    before = map_client.load_world("Lane").id
    with pytest.raises(RuntimeError, match=r"no map named 'Town04'; available: .*Lakeside.*TownGrid.*--map-alias"):
        map_client.load_world("Town04")
    assert map_client.get_world().id == before


@pytest.mark.parametrize("name", ["Broken", "Binary"])
def test_a_file_that_is_no_map_is_refused_by_name(map_client, name):
    with pytest.raises(RuntimeError, match=name):
        map_client.load_world(name)
    assert map_client.get_world().get_map().get_spawn_points()


def test_a_reload_keeps_the_map_and_starts_afresh(map_client):
    world = map_client.load_world("Town03")
    blueprint = world.get_blueprint_library().find("vehicle.audi.tt")
    first = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
    again = map_client.reload_world()
    assert again.id != world.id
    # Who still holds an actor of the world before must not hit another one with its id.
    assert again.spawn_actor(blueprint, again.get_map().get_spawn_points()[0]).id > first.id
    again = map_client.reload_world()
    assert again.get_map().name == "Carla/Maps/Town03"
    assert len(again.get_actors().filter("vehicle.*")) == 0


@pytest.mark.parametrize("kind", sorted(BAD_TEXTS))
def test_a_text_that_is_no_usable_map_is_refused_with_the_reason_and_the_world_stays(map_client, kind):
    before = map_client.load_world("Lane").id
    text, reason = BAD_TEXTS[kind]
    with pytest.raises(RuntimeError) as refused:
        _generated(map_client, text)
    assert reason in str(refused.value)
    assert map_client.get_world().id == before
    assert map_client.get_world().get_map().name == "Carla/Maps/Lane"


def test_a_map_that_clients_cannot_read_is_refused(map_client):
    with pytest.raises(RuntimeError, match="CARLA's map library"):
        _generated(map_client, LONG_ROAD.replace('<lane id="0"', '<lane id="1"'))
    assert map_client.get_world().get_map().get_spawn_points()


def test_walls_stand_where_the_parameters_ask_for_them(map_client):
    over_the_edge = (carla.Location(100, 22, 1.5), carla.Location(100, 32, 1.5))
    world = _generated(map_client, LONG_ROAD, wall_height=2.0)
    assert world.get_map().name == "Carla/Maps/OpenDriveMap"
    hits = world.cast_ray(*over_the_edge)
    assert hits
    assert hits[0].location.y == pytest.approx(20 + 3.5 + 2.0, abs=0.1)
    bare = _generated(map_client, LONG_ROAD, wall_height=0.0)
    assert all(abs(hit.location.y - 25.5) > 0.3 for hit in bare.cast_ray(*over_the_edge))


def test_pedestrian_navigation_is_made_only_where_it_is_asked_for(map_client):
    assert _generated(map_client, LONG_ROAD).get_random_location_from_navigation() is not None
    without = _generated(map_client, LONG_ROAD, enable_pedestrian_navigation=False)
    assert without.get_random_location_from_navigation() is None


@pytest.mark.parametrize(
    "parameters",
    [{"vertex_distance": 0.0}, {"vertex_distance": float("nan")}, {"wall_height": -1.0}, {"additional_width": 1e9}],
)
def test_generation_parameters_out_of_range_are_refused_by_name(map_client, parameters):
    with pytest.raises(RuntimeError, match=next(iter(parameters))):
        _generated(map_client, LONG_ROAD, **parameters)
    assert map_client.get_world().get_map().get_spawn_points()


def test_another_text_replaces_the_generated_map(map_client):
    first = _generated(map_client, LONG_ROAD)
    points = len(first.get_map().get_spawn_points())
    second = _generated(map_client, LONG_ROAD.replace('length="200"', 'length="150"'))
    assert second.id != first.id
    assert len(second.get_map().get_spawn_points()) < points


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--map-dir", "no-such-folder"), "no-such-folder"),
        (("--map-alias", "Town03=Atlantis"), "Atlantis"),
        (("--map-alias", "TownGrid=TownRing"), "map of its own"),
        (("--map", "Atlantis"), "TownGrid"),
    ],
)
def test_a_server_does_not_start_with_maps_that_are_not_there(options, reason):
    command = [sys.executable, "-m", "carla_server", "--port", "0", "--no-rendering", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert reason in done.stderr
