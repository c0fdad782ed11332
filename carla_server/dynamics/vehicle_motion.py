"""How vehicles move during one tick; compiled."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from numba import float64, from_dtype, types, void

from carla_server.compiled import compiled, kernel
from carla_server.dynamics import powertrain
from carla_server.dynamics.bicycle import PlanarForces, advance
from carla_server.dynamics.powertrain import CURVE_POINTS, IDLE_RPM, choose_gear, curve
from carla_server.dynamics.spec import GRAVITY_MPS2
from carla_server.dynamics.suspension import ground_under_wheels, heave, settle_share
from carla_server.dynamics.vehicle_columns import STATE_DTYPE
from carla_server.dynamics.vehicle_parameters import PARAMETERS_DTYPE
from carla_server.roads.height_field import HEIGHT_FIELD

SUBSTEP_S = 0.0255
"""Longest planar substep: two per 0.05 s tick."""

TURN_PER_SUBSTEP_RAD = 0.25
"""Who spins faster than this in a substep gets more of them: longer ones would turn spin into speed."""

FASTEST_SPIN_RADPS = math.radians(3600.0)
"""Bodies of Unreal turn no faster unless they are told to."""

ANTILOCK_SHARE = 0.95
"""Brakes and drive use at most this share of the grip, as anti-lock and traction control do."""

LOCKED_GRIP_SHARE = 0.35
"""Share of the lateral grip that is left on the rear axle when the hand brake locks it."""

HOLD_SPEED_MPS = 0.03
HOLD_YAW_RATE_RADPS = 0.03

BREAKAWAY_MPS2 = 0.05
"""What sets a standing vehicle in motion must exceed its friction by this much: bearings and tyres hold a little more
at rest than they take while they roll; up to `HOLD_SPEED_MPS` this fades. Without it a pedal that just about balances
the friction lets a vehicle creep at a centimetre a second for ever."""

TURN = 2.0 * math.pi

_GRASP_PER_S = BREAKAWAY_MPS2 / HOLD_SPEED_MPS
_STEERING_POINTS_S_PER_M = (CURVE_POINTS - 1) / powertrain.STEERING_TABLE_MPS


class _Driven(NamedTuple):
    """Steering, gearbox and engine after their step, and the forces that follow."""

    gear: float
    rpm: float
    steer_rad: float
    steer_input: float
    forward_gear: float
    shift_timer_s: float
    forces: PlanarForces


class EngineTables(NamedTuple):
    """Tables of `powertrain`, one row a vehicle."""

    steering: Any
    acceleration: Any
    lever: Any


_TABLES = types.NamedUniTuple(float64[:, ::1], 3, EngineTables)


@kernel(void(from_dtype(STATE_DTYPE)[::1], from_dtype(PARAMETERS_DTYPE)[::1], _TABLES, HEIGHT_FIELD, float64))
def move(cars, mechanics, tables, field, delta_s):
    """Advance vehicles by one tick.

    Args:
        cars: (N,) of `STATE_DTYPE`, changed in place.
        mechanics: (N,) of `PARAMETERS_DTYPE`.
        tables: of the vehicles' engines and steering.
        field: heights under the wheels.
        delta_s: length of the tick in seconds, above 0.
    """
    for row in range(len(cars)):
        _move(
            cars[row],
            mechanics[row],
            tables.steering[row],
            tables.acceleration[row],
            tables.lever[row],
            field,
            delta_s,
        )


@compiled
def _move(car, p, steering, acceleration, lever, field, delta_s):
    """Advance one vehicle."""
    yaw_rate = car.rate_z_radps
    world_x, world_y, climb = car.velocity_x_mps, car.velocity_y_mps, car.velocity_z_mps
    push = delta_s / p.mass_kg
    world_x += car.force_x_n * push
    world_y += car.force_y_n * push
    climb += car.force_z_n * push
    yaw_rate += car.torque_z_nm * push / p.gyration2_m2
    yaw_rate = min(max(yaw_rate, -FASTEST_SPIN_RADPS), FASTEST_SPIN_RADPS)
    cosine, sine = car.heading_x, car.heading_y
    forward = world_x * cosine + world_y * sine
    right = world_y * cosine - world_x * sine
    driven = _drive(car, p, steering, acceleration, lever, abs(forward), delta_s)
    forces = driven.forces
    substeps = max(1, math.ceil(delta_s / SUBSTEP_S), math.ceil(abs(yaw_rate) * delta_s / TURN_PER_SUBSTEP_RAD))
    forward, right, yaw_rate, mean_forward, mean_right, mean_turn = advance(
        forces, forward, right, yaw_rate, delta_s, substeps
    )
    if car.holds_velocity > 0.0:
        forward, right = car.held_forward_mps, car.held_right_mps
        mean_forward, mean_right = forward, right
    pace = max(abs(forward), abs(right))
    if pace < HOLD_SPEED_MPS and abs(yaw_rate) < HOLD_YAW_RATE_RADPS:
        load = abs(forces.drive_mps2 + forces.grade_forward_mps2)
        if forces.friction_mps2 + car.contact * (_GRASP_PER_S * (HOLD_SPEED_MPS - pace)) > load:
            forward = right = mean_forward = mean_right = yaw_rate = mean_turn = 0.0

    # Along the arc: its chord points half the turn away from where the vehicle pointed.
    turn = mean_turn * delta_s
    turn_cosine, turn_sine = math.cos(0.5 * turn), math.sin(0.5 * turn)
    chord_x, chord_y = cosine * turn_cosine - sine * turn_sine, sine * turn_cosine + cosine * turn_sine
    along, across = delta_s * mean_forward, delta_s * mean_right
    x = car.x_m + (along * chord_x - across * chord_y)
    y = car.y_m + (along * chord_y + across * chord_x)
    yaw = car.yaw_rad + turn
    yaw -= TURN * math.floor(yaw * (1.0 / TURN) + 0.5)
    cosine, sine = math.cos(yaw), math.sin(yaw)
    world_x, world_y = forward * cosine - right * sine, forward * sine + right * cosine
    rolled = car.wheel_turn_rad + along * p.inverse_radius_per_m

    level, rise_forward, rise_right = ground_under_wheels(
        field, x, y, car.z_m, cosine, sine, p.half_base_m, p.half_track_m
    )
    ground_climb = forward * rise_forward + right * rise_right
    z, climb, contact = heave(car.z_m, climb, level, ground_climb, car.gravity_mps2, delta_s)
    if p.two_wheeler > 0.0:  # leans into the bend
        roll_target = math.atan(forward * yaw_rate * (1.0 / GRAVITY_MPS2))
    else:
        roll_target = -math.atan(rise_right)
    share = settle_share(delta_s) * contact
    pitch_change = (math.atan(rise_forward) - car.pitch_rad) * share
    roll_change = (roll_target - car.roll_rad) * share
    per_s = 1.0 / delta_s

    # Adding 0 turns -0 into 0, whose sign is a matter of luck.
    car.gear = driven.gear + 0.0
    car.rpm = driven.rpm + 0.0
    car.steer_rad = driven.steer_rad + 0.0
    car.wheel_turn_rad = rolled - TURN * math.floor(rolled * (1.0 / TURN)) + 0.0
    car.steer_input = driven.steer_input + 0.0
    car.forward_gear = driven.forward_gear + 0.0
    car.shift_timer_s = driven.shift_timer_s + 0.0
    car.rise_forward = rise_forward + 0.0
    car.rise_right = rise_right + 0.0
    car.contact = contact
    car.force_x_n = car.force_y_n = car.force_z_n = car.torque_z_nm = 0.0
    if car.frozen > 0.0:
        world_x = world_y = climb = 0.0
        car.rate_x_radps = car.rate_y_radps = car.rate_z_radps = 0.0
    else:
        car.heading_x = cosine + 0.0
        car.heading_y = sine + 0.0
        car.x_m = x + 0.0
        car.y_m = y + 0.0
        car.z_m = z + 0.0
        car.pitch_rad += pitch_change + 0.0
        car.yaw_rad = yaw + 0.0
        car.roll_rad += roll_change + 0.0
        car.rate_x_radps = (pitch_change * sine - roll_change * cosine) * per_s + 0.0
        car.rate_y_radps = (-roll_change * sine - pitch_change * cosine) * per_s + 0.0
        car.rate_z_radps = yaw_rate + 0.0
    car.velocity_x_mps = world_x + 0.0
    car.velocity_y_mps = world_y + 0.0
    car.velocity_z_mps = climb + 0.0
    car.acceleration_x_mps2 = (world_x - car.x_before_mps) * per_s + 0.0
    car.acceleration_y_mps2 = (world_y - car.y_before_mps) * per_s + 0.0
    car.acceleration_z_mps2 = (climb - car.z_before_mps) * per_s + 0.0
    car.x_before_mps = world_x + 0.0
    car.y_before_mps = world_y + 0.0
    car.z_before_mps = climb + 0.0


@compiled
def _drive(car, p, steering, acceleration, lever, speed, delta_s):
    """Turn a vehicle's controls, gearbox and slope into forces per mass."""
    throttle = car.throttle
    reach = p.steer_rate_per_s * delta_s
    change = min(max(car.steer - car.steer_input, -reach), reach)
    steer_input = car.steer_input + change
    full_steer = curve(steering, speed * _STEERING_POINTS_S_PER_M)
    steer_rad = steer_input * full_steer
    # Mean over the tick of an input that ramps at the rate limit and then stays.
    angle = steer_rad - change * abs(change) / (2.0 * reach) * full_steer

    gear = forward_gear = car.forward_gear
    if car.manual_gear_shift > 0.0:
        gear = min(max(car.gear_command, -1.0), p.top_gear)
        forward_gear = max(gear, 1.0)
    if car.reverse > 0.0:
        gear = -1.0
    force_per_torque = lever[int(gear + 1.0)]
    size = abs(force_per_torque)
    engine_radps = speed * size
    engine_fraction = engine_radps * p.engine_fraction_s
    rpm = max(engine_fraction * p.max_rpm, IDLE_RPM)
    pull = curve(acceleration, engine_fraction * (CURVE_POINTS - 1.0)) * throttle * force_per_torque
    if engine_fraction > 1.0:
        pull *= min(max(51.0 - 50.0 * engine_fraction, 0.0), 1.0)
    pull /= 1.0 + p.engine_inertia_m2 * force_per_torque * force_per_torque
    shift_timer_s = car.shift_timer_s
    if p.top_gear > 1.0:
        pull *= 1.0 - min(shift_timer_s * (1.0 / delta_s), 1.0)
        shift_timer_s = max(shift_timer_s - delta_s, 0.0)

    contact = car.contact
    grip = p.grip_mps2 * car.friction_scale * contact
    usable = ANTILOCK_SHARE * grip
    traction = usable * p.traction
    drive = min(max(pull, -traction), traction)
    brakes = min(car.brake * p.brake_mps2, usable)
    engine_drag = p.engine_drag * engine_radps * size * (1.0 - throttle)
    friction = brakes + (engine_drag + p.wheel_damping_per_s * speed + p.rolling_mps2)
    friction += car.hand_brake * min(p.handbrake_mps2, usable * (1.0 - p.front_load))
    friction = min(friction, usable + 1e-9) * contact
    if p.top_gear > 1.0:
        # A gear is engaged from the next tick on: choose it for the middle of that tick.
        ahead = (1.5 * delta_s) * (abs(drive) - friction)
        fraction_ahead = max(speed + ahead, 0.0) * size * p.engine_fraction_s if gear > 0.0 else 0.0
        forward_gear, shift_timer_s = choose_gear(forward_gear, shift_timer_s, fraction_ahead, p)
    used = min((brakes + abs(drive)) / (grip + 1e-9), ANTILOCK_SHARE)
    lateral = grip * math.sqrt(1.0 - used * used) + 1e-6
    grip_front = lateral * p.front_load
    grip_rear = (lateral - grip_front) * (1.0 - (1.0 - LOCKED_GRIP_SHARE) * car.hand_brake)
    weight = -GRAVITY_MPS2 * contact
    forces = PlanarForces(
        p.to_front_m,
        p.to_rear_m,
        p.gyration2_m2,
        math.cos(angle),
        math.sin(angle),
        grip_front,
        grip_rear,
        p.front_stiffness_mps2 / grip_front,
        p.rear_stiffness_mps2 / grip_rear,
        drive,
        drive * p.front_drive,
        weight * car.rise_forward,
        weight * car.rise_right,
        friction,
        p.drag_per_m,
    )
    return _Driven(gear, rpm, steer_rad, steer_input, forward_gear, shift_timer_s, forces)
