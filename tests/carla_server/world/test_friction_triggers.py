"""Friction triggers: who is inside, what counts where boxes overlap, and that nothing stays behind."""

import pytest

from carla_server.dynamics import VehicleFleet, VehicleSpec
from carla_server.wire.structs import InvalidArgument
from carla_server.world.friction import FrictionTriggers

SPEC = VehicleSpec.from_extent((2.4, 0.95, 0.75), 1700.0, "car")
DRY = SPEC.tyre_friction / 0.3


def _fleet(*places):
    fleet = VehicleFleet()
    for actor_id, (x, y, z) in enumerate(places):
        fleet.add(actor_id, SPEC, (x, y, z, 0.0, 0.0, 0.0))
    return fleet


def _attributes(friction, x_cm, y_cm, z_cm):
    return {"friction": str(friction), "extent_x": str(x_cm), "extent_y": str(y_cm), "extent_z": str(z_cm)}


def test_only_vehicles_inside_the_turned_box_have_its_friction():
    triggers, fleet = FrictionTriggers(), _fleet((0, 0, 0), (0, 8, 0), (8, 0, 0), (0, 8, 5))
    triggers.place(9, _attributes(0.5 * DRY, 1000, 200, 200), (0.0, 0.0, 0.0, 0.0, 90.0, 0.0))
    triggers.apply(fleet)
    assert fleet.friction_scale.tolist() == pytest.approx([0.5, 0.5, 1.0, 1.0])


def test_the_trigger_spawned_last_counts_and_a_removed_one_leaves_dry_road():
    triggers, fleet = FrictionTriggers(), _fleet((0, 0, 0))
    for actor_id, share in ((9, 0.5), (10, 0.2)):
        triggers.place(actor_id, _attributes(share * DRY, 500, 500, 500), (0.0,) * 6)
    triggers.apply(fleet)
    assert fleet.friction_scale[0] == pytest.approx(0.2)
    triggers.remove(10)
    triggers.apply(fleet)
    assert fleet.friction_scale[0] == pytest.approx(0.5)
    triggers.remove(9)
    assert triggers
    triggers.apply(fleet)
    assert fleet.friction_scale[0] == 1.0
    assert not triggers


def test_a_moved_trigger_acts_where_it_is():
    triggers, fleet = FrictionTriggers(), _fleet((0, 0, 0), (100, 0, 0))
    triggers.place(9, _attributes(0.0, 500, 500, 500), (0.0,) * 6)
    triggers.place(9, _attributes(0.0, 500, 500, 500), (100.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    triggers.apply(fleet)
    assert fleet.friction_scale.tolist() == [1.0, 0.0]


def test_a_negative_friction_is_refused_by_name():
    with pytest.raises(InvalidArgument, match="friction"):
        FrictionTriggers().place(9, _attributes(-1.0, 1, 1, 1), (0.0,) * 6)
