"""The blueprint library through the real client: names, attributes, and that everything in it spawns."""

import re

import carla
import pytest

VEHICLES = """
audi.a2 audi.etron audi.tt bh.crossbike bmw.grandtourer carlamotors.carlacola carlamotors.european_hgv
carlamotors.firetruck chevrolet.impala citroen.c3 diamondback.century dodge.charger_2020 dodge.charger_police
dodge.charger_police_2020 ford.ambulance ford.crown ford.mustang gazelle.omafiets harley-davidson.low_rider
jeep.wrangler_rubicon kawasaki.ninja lincoln.mkz_2017 lincoln.mkz_2020 mercedes.coupe mercedes.coupe_2020
mercedes.sprinter micro.microlino mini.cooper_s mini.cooper_s_2021 mitsubishi.fusorosa nissan.micra nissan.patrol
nissan.patrol_2021 seat.leon tesla.cybertruck tesla.model3 toyota.prius vespa.zx125 volkswagen.t2 volkswagen.t2_2021
yamaha.yzf
"""
PROPS_OF_SCENARIOS = """
streetbarrier constructioncone trafficwarning warningconstruction warningaccident dirtdebris01 dirtdebris02
vendingmachine container chainbarrier advertisement mesh trafficcone01 trafficcone02 busstop plastictable
"""


@pytest.fixture(scope="module")
def library(server):
    return server.client().get_world().get_blueprint_library()


def test_every_vehicle_of_carla_and_all_52_walkers_are_there(library):
    assert {blueprint.id for blueprint in library.filter("vehicle.*")} == {
        f"vehicle.{name}" for name in VEHICLES.split()
    }
    walkers = sorted(blueprint.id for blueprint in library.filter("walker.*"))
    assert walkers == [f"walker.pedestrian.{number:04d}" for number in range(1, 53)]


def test_props_that_scenarios_ask_for_are_there_among_a_hundred(library):
    names = {blueprint.id for blueprint in library.filter("static.prop.*")}
    assert {f"static.prop.{name}" for name in PROPS_OF_SCENARIOS.split()} <= names
    assert len(names) >= 98
    assert library.find("static.prop.mesh").has_attribute("mesh_path")


def test_every_id_has_three_parts_and_every_attribute_a_recommended_value(library):
    for blueprint in library:
        assert re.match(r"\S+\.\S+\.\S+", blueprint.id), blueprint.id
        for attribute in blueprint:
            assert len(attribute.recommended_values) >= 1, (blueprint.id, attribute.id)


def test_vehicles_have_the_attributes_that_scripts_filter_by(library):
    for blueprint in library.filter("vehicle.*"):
        for name in (
            "base_type",
            "special_type",
            "generation",
            "number_of_wheels",
            "has_lights",
            "has_dynamic_doors",
        ):
            assert blueprint.has_attribute(name), (blueprint.id, name)
        assert blueprint.has_attribute("driver_id") == (int(blueprint.get_attribute("number_of_wheels")) == 2)
        assert len(blueprint.get_attribute("color").recommended_values[0].split(",")) == 3
        assert blueprint.get_attribute("sticky_control").recommended_values[0] == "true"
    kinds = {str(b.get_attribute("base_type").recommended_values[0]) for b in library.filter("vehicle.*")}
    assert kinds == {"car", "truck", "van", "bus", "motorcycle", "bicycle"}
    special = {b.get_attribute("special_type").recommended_values[0] for b in library.filter("vehicle.*")}
    assert {"emergency", "taxi", "electric"} <= special


def test_scenarios_find_parked_cars_and_cars_with_lights_or_doors(library):
    cars = [b for b in library.filter("vehicle.*") if b.get_attribute("base_type").recommended_values[0] == "car"]
    assert any(bool(b.get_attribute("has_lights")) for b in cars)
    assert any(not bool(b.get_attribute("has_lights")) for b in cars)
    assert any(bool(b.get_attribute("has_dynamic_doors")) for b in cars)


def test_walkers_differ_in_age_and_gender(library):
    walkers = library.filter("walker.*")
    assert {w.get_attribute("age").recommended_values[0] for w in walkers} == {"adult", "child", "elderly"}
    assert {w.get_attribute("gender").recommended_values[0] for w in walkers} == {"female", "male"}
    assert all(len(w.get_attribute("speed").recommended_values) == 3 for w in walkers)
    for name in ("generation", "is_invincible", "can_use_wheelchair", "role_name"):
        assert all(w.has_attribute(name) for w in walkers), name


def test_every_prop_and_every_vehicle_spawns_with_a_box(client, world):
    library = world.get_blueprint_library()
    wanted = [*library.filter("static.prop.*"), *library.filter("vehicle.*")]
    places = [carla.Transform(carla.Location(20.0 * (i % 12), 20.0 * (i // 12), 60.0)) for i in range(len(wanted))]
    commands = [carla.command.SpawnActor(b, place) for b, place in zip(wanted, places, strict=True)]
    answers = client.apply_batch_sync(commands, False)
    assert [(b.id, a.error) for b, a in zip(wanted, answers, strict=True) if a.error] == []
    world.tick()
    for blueprint, answer in zip(wanted, answers, strict=True):
        extent = world.get_actor(answer.actor_id).bounding_box.extent
        assert min(extent.x, extent.y, extent.z) > 0.0, blueprint.id
