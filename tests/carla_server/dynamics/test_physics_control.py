"""VehiclePhysicsControl on the wire says what the model does, and what a client sets is what it gets."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest
from dynamics_fields import FLAT, FULL_THROTTLE, MODEL3, SEDAN, TRUCK, drive, one_vehicle

from carla_server.dynamics import (
    VehicleSpec,
    checked_physics_control,
    physics_control_of,
    spec_with_physics_control,
)


@pytest.mark.parametrize("spec", [MODEL3, SEDAN, TRUCK])
def test_reading_and_applying_unchanged_values_changes_nothing(spec: VehicleSpec) -> None:
    fields = msgpack.unpackb(msgpack.packb(physics_control_of(spec, (10.0, 5.0, 1.0), 0.3)))
    again = spec_with_physics_control(spec, fields)
    for name in VehicleSpec.__dataclass_fields__:
        before, after = getattr(spec, name), getattr(again, name)
        if isinstance(before, float):
            assert after == pytest.approx(before, rel=1e-9), name
        elif name in ("torque_curve", "steering_curve"):
            assert np.array(after) == pytest.approx(np.array(before)), name
        else:
            assert after == before, name


def test_the_message_has_carlas_shape() -> None:
    fields = physics_control_of(SEDAN)
    assert len(fields) == 17
    assert [len(wheel) for wheel in fields[15]] == [10, 10, 10, 10]
    assert fields[15][0][3] == pytest.approx(100.0 * SEDAN.wheel_radius_m)
    assert fields[15][2][2] == 0.0
    assert isinstance(fields[6], bool)


def _speed_after(change: dict[int, float]) -> float:
    fields = physics_control_of(SEDAN)
    for index, value in change.items():
        fields[index] = value
    fleet = one_vehicle(SEDAN)
    fleet.set_spec(1, spec_with_physics_control(SEDAN, fields))
    drive(fleet, FULL_THROTTLE, 6.0)
    return float(fleet.forward_speed_mps()[0])


def test_more_mass_and_more_drag_make_a_car_slower() -> None:
    plain = _speed_after({})
    assert _speed_after({11: 2.5 * SEDAN.mass_kg}) < 0.9 * plain
    assert _speed_after({12: 8.0}) < 0.97 * plain


def test_a_smaller_steering_angle_makes_a_wider_bend() -> None:
    ends = []
    for share in (1.0, 0.5):
        fields = physics_control_of(SEDAN)
        for wheel in fields[15]:
            wheel[2] *= share
        fleet = one_vehicle(SEDAN, 5.0)
        fleet.set_spec(1, spec_with_physics_control(SEDAN, fields))
        drive(fleet, (0.2, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0), 1.5, ground=FLAT)
        ends.append(fleet.rotation_rad[0, 1])
    assert ends[1] == pytest.approx(0.5 * ends[0], rel=0.2)


def _broken(field: int, value: object) -> list:
    fields = physics_control_of(SEDAN)
    fields[field] = value
    return fields


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (physics_control_of(SEDAN)[:5], "5 fields; it must have 17"),
        (None, "no fields"),
        (_broken(0, []), "torque_curve"),
        (_broken(5, "much"), "clutch_disengaged is 'much'"),
        (_broken(8, float("nan")), "clutch_strength is 'nan'"),
        (_broken(10, [[1.0]]), "forward_gears"),
        (_broken(13, [0.0]), "center_of_mass"),
        (_broken(15, [[1.0] * 9 + ["here"]] * 4), "wheels"),
    ],
)
def test_messages_that_are_no_physics_control_are_refused_with_the_field(fields: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        checked_physics_control(fields)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (11, 0.0, "mass_kg is 0"),
        (15, physics_control_of(SEDAN)[15][:2], "2 wheels; it must hold 4"),
        (13, [5.0, 0.0, 0.4], "cg_to_front_m"),
        (2, -1.0, "engine_inertia"),
        (0, [[1000.0, 100.0], [500.0, 100.0]], "torque_curve"),
    ],
)
def test_values_without_meaning_are_refused_with_the_field(field: int, value: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        spec_with_physics_control(SEDAN, checked_physics_control(_broken(field, value)))
