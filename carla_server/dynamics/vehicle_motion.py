"""How vehicles move during one tick, written once for numbers and arrays, see `arithmetic`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from carla_server.dynamics import powertrain, suspension
from carla_server.dynamics.arithmetic import CURVE_POINTS, Arithmetic
from carla_server.dynamics.bicycle import PlanarForces, advance
from carla_server.dynamics.spec import GRAVITY_MPS2
from carla_server.dynamics.vehicle_columns import Rare, State
from carla_server.dynamics.vehicle_parameters import EngineTables, Parameters
from carla_server.roads.town import Ground

SUBSTEP_S = 0.0255
"""Longest planar substep: two per 0.05 s tick."""

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

    gear: Any
    rpm: Any
    steer_rad: Any
    steer_input: Any
    forward_gear: Any
    shift_timer_s: Any
    forces: PlanarForces


def move(
    a: Arithmetic, state: State, p: Parameters, tables: EngineTables, rare: Rare, ground: Ground, delta_s: float
) -> tuple[Any, ...]:
    """Advance vehicles by one tick.

    Args:
        a: arithmetic of the numbers or arrays that the others are.
        state: before the tick.
        p, tables: of the vehicles' specifications.
        rare: what there is in the fleet.
        ground: heights under the wheels.
        delta_s: length of the tick in seconds, above 0.

    Returns:
        The columns `MOVED` of the state after the tick.
    """
    where = a.where
    yaw, yaw_rate = state.yaw_rad, state.rate_z_radps
    world_x, world_y, climb = state.velocity_x_mps, state.velocity_y_mps, state.velocity_z_mps
    if rare.forces:
        push = delta_s / p.mass_kg
        world_x = world_x + state.force_x_n * push
        world_y = world_y + state.force_y_n * push
        climb = climb + state.force_z_n * push
        yaw_rate = yaw_rate + state.torque_z_nm * push / p.gyration2_m2
    cosine, sine = state.heading_x, state.heading_y
    forward = world_x * cosine + world_y * sine
    right = world_y * cosine - world_x * sine
    driven = _drive(a, state, p, tables, rare, abs(forward), delta_s)
    forces = driven.forces
    substeps = max(1, math.ceil(delta_s / SUBSTEP_S))
    forward, right, yaw_rate, mean_forward, mean_right, mean_turn = advance(
        a, forces, forward, right, yaw_rate, delta_s, substeps
    )
    if rare.held_velocities:
        held = state.holds_velocity > 0.0
        forward, right = where(held, state.held_forward_mps, forward), where(held, state.held_right_mps, right)
        mean_forward, mean_right = where(held, forward, mean_forward), where(held, right, mean_right)
    pace = a.maximum(abs(forward), abs(right))
    slow = pace < HOLD_SPEED_MPS
    if a.some(slow):
        push = abs(forces.drive_mps2 + forces.grade_forward_mps2)
        grasp = forces.friction_mps2 + state.contact * (_GRASP_PER_S * (HOLD_SPEED_MPS - pace))
        stands = slow & (grasp > push) & (abs(yaw_rate) < HOLD_YAW_RATE_RADPS)
        if a.some(stands):
            forward, right = where(stands, 0.0, forward), where(stands, 0.0, right)
            mean_forward, mean_right = where(stands, 0.0, mean_forward), where(stands, 0.0, mean_right)
            yaw_rate, mean_turn = where(stands, 0.0, yaw_rate), where(stands, 0.0, mean_turn)

    # Along the arc: its chord points half the turn away from where the vehicle pointed.
    turn = mean_turn * delta_s
    half_turn = 0.5 * turn
    turn_cosine, turn_sine = a.cos_sin(half_turn)
    chord_x, chord_y = cosine * turn_cosine - sine * turn_sine, sine * turn_cosine + cosine * turn_sine
    along, across = delta_s * mean_forward, delta_s * mean_right
    x = state.x_m + (along * chord_x - across * chord_y)
    y = state.y_m + (along * chord_y + across * chord_x)
    yaw = yaw + turn
    yaw = yaw - TURN * a.floor(yaw * (1.0 / TURN) + 0.5)
    cosine, sine = a.cos_sin(yaw)
    world_x, world_y = forward * cosine - right * sine, forward * sine + right * cosine
    rolled = state.wheel_turn_rad + along * p.inverse_radius_per_m
    wheel_turn = rolled - TURN * a.floor(rolled * (1.0 / TURN))

    level, rise_forward, rise_right = suspension.ground_under_wheels(
        a, ground, x, y, cosine, sine, p.half_base_m, p.half_track_m
    )
    ground_climb = forward * rise_forward + right * rise_right
    z, climb, contact = suspension.heave(a, state.z_m, climb, level, ground_climb, state.gravity_mps2, delta_s)
    roll_target = -a.atan(rise_right)
    if rare.two_wheelers:
        lean = a.atan(forward * yaw_rate * (1.0 / GRAVITY_MPS2))
        roll_target = where(p.two_wheeler > 0.0, lean, roll_target)
    share = suspension.settle_share(delta_s) * contact
    pitch_change = (a.atan(rise_forward) - state.pitch_rad) * share
    roll_change = (roll_target - state.roll_rad) * share
    pitch, roll = state.pitch_rad + pitch_change, state.roll_rad + roll_change
    per_s = 1.0 / delta_s
    rate_x = (pitch_change * sine - roll_change * cosine) * per_s
    rate_y = (-roll_change * sine - pitch_change * cosine) * per_s

    if rare.frozen:
        frozen = state.frozen > 0.0
        x, y, z = where(frozen, state.x_m, x), where(frozen, state.y_m, y), where(frozen, state.z_m, z)
        pitch, yaw = where(frozen, state.pitch_rad, pitch), where(frozen, state.yaw_rad, yaw)
        roll = where(frozen, state.roll_rad, roll)
        cosine, sine = where(frozen, state.heading_x, cosine), where(frozen, state.heading_y, sine)
        world_x, world_y, climb = where(frozen, 0.0, world_x), where(frozen, 0.0, world_y), where(frozen, 0.0, climb)
        rate_x, rate_y, yaw_rate = (
            where(frozen, 0.0, rate_x),
            where(frozen, 0.0, rate_y),
            where(frozen, 0.0, yaw_rate),
        )
    return (
        driven.gear,
        driven.rpm,
        driven.steer_rad,
        wheel_turn,
        driven.steer_input,
        driven.forward_gear,
        driven.shift_timer_s,
        rise_forward,
        rise_right,
        contact,
        cosine,
        sine,
        world_x,
        world_y,
        climb,
        x,
        y,
        z,
        pitch,
        yaw,
        roll,
        world_x,
        world_y,
        climb,
        rate_x,
        rate_y,
        yaw_rate,
        (world_x - state.x_before_mps) * per_s,
        (world_y - state.y_before_mps) * per_s,
        (climb - state.z_before_mps) * per_s,
    )


def _drive(
    a: Arithmetic, state: State, p: Parameters, tables: EngineTables, rare: Rare, speed: Any, delta_s: float
) -> _Driven:
    """Turn controls, gearboxes and slopes into forces per mass."""
    maximum, minimum, where = a.maximum, a.minimum, a.where
    throttle = state.throttle

    reach = p.steer_rate_per_s * delta_s
    change = minimum(maximum(state.steer - state.steer_input, -reach), reach)
    steer_input = state.steer_input + change
    full_steer = a.curve(tables.steering, speed * _STEERING_POINTS_S_PER_M)
    steer_rad = steer_input * full_steer
    # Mean over the tick of an input that ramps at the rate limit and then stays.
    angle = steer_rad - change * abs(change) / (2.0 * reach) * full_steer

    gear = forward_gear = state.forward_gear
    if rare.levers:
        manual = state.manual_gear_shift > 0.0
        chosen = minimum(maximum(state.gear_command, -1.0), p.top_gear)
        gear = where(state.reverse > 0.0, -1.0, where(manual, chosen, forward_gear))
        forward_gear = where(manual, maximum(chosen, 1.0), forward_gear)
    lever = a.entry(tables.lever, gear + 1.0)
    size = abs(lever)
    engine_radps = speed * size
    engine_fraction = engine_radps * p.engine_fraction_s
    rpm = maximum(engine_fraction * p.max_rpm, powertrain.IDLE_RPM)
    pull = a.curve(tables.acceleration, engine_fraction * (CURVE_POINTS - 1.0)) * throttle * lever
    if a.some(engine_fraction > 1.0):
        pull = pull * minimum(maximum(51.0 - 50.0 * engine_fraction, 0.0), 1.0)
    pull = pull / (1.0 + p.engine_inertia_m2 * lever * lever)
    shift_timer_s = state.shift_timer_s
    if rare.gearboxes:
        pull = pull * (1.0 - minimum(shift_timer_s * (1.0 / delta_s), 1.0))
        shift_timer_s = maximum(shift_timer_s - delta_s, 0.0)

    contact = state.contact
    grip = p.grip_mps2 * state.friction_scale * contact
    usable = ANTILOCK_SHARE * grip
    traction = usable * p.traction
    drive = minimum(maximum(pull, -traction), traction)
    brakes = minimum(state.brake * p.brake_mps2, usable)
    engine_drag = p.engine_drag * engine_radps * size * (1.0 - throttle)
    friction = brakes + (engine_drag + p.wheel_damping_per_s * speed + p.rolling_mps2)
    if rare.levers:
        friction = friction + state.hand_brake * minimum(p.handbrake_mps2, usable * (1.0 - p.front_load))
    friction = minimum(friction, usable + 1e-9) * contact
    if rare.gearboxes:
        # A gear is engaged from the next tick on: choose it for the middle of that tick.
        ahead = (1.5 * delta_s) * (abs(drive) - friction)
        fraction_ahead = maximum(speed + ahead, 0.0) * size * p.engine_fraction_s
        forward_gear, shift_timer_s = powertrain.choose_gears(
            a,
            forward_gear,
            shift_timer_s,
            where(gear > 0.0, fraction_ahead, 0.0),
            p.shift_up,
            p.shift_down,
            p.top_gear,
            p.switch_time_s,
        )
    used = minimum((brakes + abs(drive)) / (grip + 1e-9), ANTILOCK_SHARE)
    lateral = grip * a.sqrt(1.0 - used * used) + 1e-6
    grip_front = lateral * p.front_load
    grip_rear = lateral - grip_front
    if rare.levers:
        grip_rear = grip_rear * (1.0 - (1.0 - LOCKED_GRIP_SHARE) * state.hand_brake)
    weight = -GRAVITY_MPS2 * contact
    steer_cosine, steer_sine = a.cos_sin(angle)
    forces = PlanarForces(
        p.to_front_m,
        p.to_rear_m,
        p.gyration2_m2,
        steer_cosine,
        steer_sine,
        grip_front,
        grip_rear,
        p.front_stiffness_mps2 / grip_front,
        p.rear_stiffness_mps2 / grip_rear,
        drive,
        drive * p.front_drive,
        weight * state.rise_forward,
        weight * state.rise_right,
        friction,
        p.drag_per_m,
    )
    return _Driven(gear, rpm, steer_rad, steer_input, forward_gear, shift_timer_s, forces)
