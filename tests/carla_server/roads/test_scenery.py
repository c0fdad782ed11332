"""The town is furnished, and nothing stands where it must not."""

from __future__ import annotations

from collections import Counter

import numpy as np

from carla_server.roads.town import PropKind
from carla_server.semantics import SemanticTag


def _of(town, kind):
    return [placement for placement in town.placements if placement.kind == kind]


def _foot_tags(town, placement):
    half = np.array(placement.size_m[:2]) / 2
    u, v = (grid.ravel() for grid in np.meshgrid(*(np.linspace(-h, h, 11) for h in half)))
    turn = np.deg2rad(placement.yaw_deg)
    x = placement.position_m[0] + u * np.cos(turn) - v * np.sin(turn)
    y = placement.position_m[1] + u * np.sin(turn) + v * np.cos(turn)
    return town.ground.tag(x, y)


def test_every_kind_of_prop_is_there(town):
    count = Counter(placement.kind for placement in town.placements)
    assert count[PropKind.BUILDING] > 100
    assert count[PropKind.TREE] > 150
    assert count[PropKind.STREET_LAMP] > 80
    assert count[PropKind.PARKED_CAR] > 15
    for kind in PropKind:
        assert count[kind] > 5, kind


def test_instances_are_unique_and_leave_room_for_the_renderers_own(town):
    instances = [placement.instance for placement in town.placements]
    assert len(set(instances)) == len(instances)
    assert 0 < min(instances) <= max(instances) < 20000


def test_buildings_stand_on_terrain_inside_the_town_and_apart(town):
    buildings = _of(town, PropKind.BUILDING)
    for building in buildings:
        assert (_foot_tags(town, building) == SemanticTag.TERRAIN).all()
    heights = {round(building.size_m[2], 1) for building in buildings}
    assert len(heights) >= 5


def test_lamps_stand_on_sidewalks_and_reach_over_the_road(town):
    for lamp in _of(town, PropKind.STREET_LAMP):
        x, y, _ = lamp.position_m
        tip = lamp.size_m[0] * np.array([np.cos(np.deg2rad(lamp.yaw_deg)), np.sin(np.deg2rad(lamp.yaw_deg))])
        foot, head = town.ground.tag(np.array([x, x + tip[0]]), np.array([y, y + tip[1]]))
        assert (foot, head) == (SemanticTag.SIDEWALKS, SemanticTag.ROADS)


def test_parked_cars_stay_in_their_bays(town, strips):
    from carla_server.roads.ground import GroundRaster

    bays = GroundRaster([strip for strip in strips if strip.kind == "parking"])
    for car in _of(town, PropKind.PARKED_CAR):
        x, y, _ = car.position_m
        assert bays.tag(np.array([x]), np.array([y]))[0] == SemanticTag.ROADS


def test_props_stand_on_the_ground(town):
    for placement in town.placements:
        x, y, z = placement.position_m
        here = float(town.ground.height_m(np.array([x]), np.array([y]))[0])
        assert z <= here + 1e-6
        assert placement.kind == PropKind.BUILDING or z == here


def test_another_name_gives_another_scenery(town, strips):
    from carla_server.roads.scenery import furnish

    other, _ = furnish("AnotherTown", strips, town.ground, town.traffic_lights, town.signs, town.spawn_points)
    assert {p.position_m for p in other} != {p.position_m for p in town.placements}
