"""Spawning, destroying and moving actors of any kind."""

from __future__ import annotations

import math
from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.wire.structs import (
    FARTHEST_M,
    FASTEST_MPS,
    InvalidArgument,
    Vector,
    read_array,
    read_bool,
    read_description,
    read_id,
    read_int,
    read_pose,
    read_vector,
)
from carla_server.world.actors import Actor, Vehicle, Walker

_SPRING_ARMS = (1, 2)
"""AttachmentType SpringArm and SpringArmGhost."""


def spawn(
    simulator: Simulator, description: Any, transform: Any, parent: Any = 0, attachment: Any = 0, socket: Any = ""
) -> Actor:
    """Spawn from wire values; shared by the three ways to ask for it.

    The attachment type counts only where there is a parent, and anything but a spring arm is rigid: the client's
    batch command leaves that byte uninitialised where its caller names none.
    """
    return simulator.world.spawn(
        read_description(description),
        read_pose(transform),
        read_id(parent, "parent id"),
        spring_arm=read_int(attachment, "attachment type", 0, 255) in _SPRING_ARMS,
    )


def spawn_actor(simulator: Simulator, description: Any, transform: Any) -> list:
    return simulator.actor_to_wire(spawn(simulator, description, transform))


def spawn_actor_with_parent(
    simulator: Simulator, description: Any, transform: Any, parent: Any, attachment: Any, socket: Any = ""
) -> list:
    return simulator.actor_to_wire(spawn(simulator, description, transform, parent, attachment, socket))


def destroy_actor(simulator: Simulator, actor_id: Any) -> bool:
    simulator.world.destroy(read_id(actor_id))
    return True


def get_actors_by_id(simulator: Simulator, actor_ids: Any) -> list:
    """Actors of these ids; unknown ones are left out, as the client expects."""
    actors = simulator.world.actors
    wanted = [read_id(actor_id) for actor_id in read_array(actor_ids, "actor ids")]
    return [simulator.actor_to_wire(actors[actor_id]) for actor_id in wanted if actor_id in actors]


def get_actor_bounding_box(simulator: Simulator, actor_id: Any) -> list:
    actor = simulator.world.actor_or_departed(read_id(actor_id))
    return actor.box.to_wire(actor.actor_id, simulator.world.layout)


def set_actor_transform(simulator: Simulator, actor_id: Any, transform: Any) -> None:
    actor = simulator.world.actor(read_id(actor_id))
    simulator.world.set_pose(actor, read_pose(transform))


def set_actor_location(simulator: Simulator, actor_id: Any, location: Any) -> None:
    world = simulator.world
    actor = world.actor(read_id(actor_id))
    rotation = actor.attachment.pose[3:] if actor.attachment else world.pose_of(actor)[3:]
    world.set_pose(actor, read_vector(location, "location", FARTHEST_M) + rotation)


def set_actor_target_velocity(simulator: Simulator, actor_id: Any, velocity: Any) -> None:
    _fleet(simulator, actor_id).set_velocity(actor_id, read_vector(velocity, "velocity", FASTEST_MPS))


def set_actor_target_angular_velocity(simulator: Simulator, actor_id: Any, velocity_degps: Any) -> None:
    vector = read_vector(velocity_degps, "angular velocity", FASTEST_MPS)
    vehicle = vehicle_of(simulator, actor_id)
    simulator.world.vehicles.set_angular_velocity(vehicle.actor_id, [math.radians(value) for value in vector])


def enable_actor_constant_velocity(simulator: Simulator, actor_id: Any, velocity: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    simulator.world.vehicles.set_constant_velocity(vehicle.actor_id, read_vector(velocity, "velocity", FASTEST_MPS))


def disable_actor_constant_velocity(simulator: Simulator, actor_id: Any) -> None:
    simulator.world.vehicles.set_constant_velocity(vehicle_of(simulator, actor_id).actor_id, None)


def add_actor_impulse(simulator: Simulator, actor_id: Any, impulse: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    simulator.world.vehicles.add_impulse(vehicle.actor_id, read_vector(impulse, "impulse"))


def add_actor_force(simulator: Simulator, actor_id: Any, force: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    simulator.world.vehicles.add_force(vehicle.actor_id, read_vector(force, "force"))


def add_actor_impulse_at_location(simulator: Simulator, actor_id: Any, impulse: Any, location: Any) -> None:
    """An impulse at a point in the world; beside the middle it also turns the vehicle."""
    vehicle, vector = vehicle_of(simulator, actor_id), read_vector(impulse, "impulse")
    fleet, turn = simulator.world.vehicles, _turn_about_middle(simulator, actor_id, vector, location)
    fleet.add_impulse(vehicle.actor_id, vector)
    fleet.add_angular_impulse(vehicle.actor_id, turn)


def add_actor_force_at_location(simulator: Simulator, actor_id: Any, force: Any, location: Any) -> None:
    """A force at a point in the world during the next tick; beside the middle it also turns the vehicle."""
    vehicle, vector = vehicle_of(simulator, actor_id), read_vector(force, "force")
    turn = _turn_about_middle(simulator, actor_id, vector, location)
    simulator.world.vehicles.add_force(vehicle.actor_id, vector, turn)


def add_actor_angular_impulse(simulator: Simulator, actor_id: Any, impulse: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    simulator.world.vehicles.add_angular_impulse(vehicle.actor_id, read_vector(impulse, "angular impulse"))


def add_actor_torque(simulator: Simulator, actor_id: Any, torque: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    simulator.world.vehicles.add_force(vehicle.actor_id, (0.0, 0.0, 0.0), read_vector(torque, "torque"))


def set_actor_simulate_physics(simulator: Simulator, actor_id: Any, enabled: Any) -> None:
    """Freeze or release a vehicle, walker or prop; other actors have no physics and the call changes nothing."""
    actor, physics = simulator.world.actor(read_id(actor_id)), read_bool(enabled, "enabled")
    if isinstance(actor, Vehicle | Walker):
        _fleet(simulator, actor_id).set_simulate_physics(actor.actor_id, physics)
    elif actor.type_id.startswith("static.prop.") and actor.attachment is None:
        simulator.world.loose_props.set_physics(actor, physics)


def set_actor_enable_gravity(simulator: Simulator, actor_id: Any, enabled: Any) -> None:
    vehicle = vehicle_of(simulator, actor_id)
    simulator.world.vehicles.set_gravity(vehicle.actor_id, read_bool(enabled, "enabled"))


def set_actor_collisions(simulator: Simulator, actor_id: Any, enabled: Any) -> None:
    simulator.world.set_collides(simulator.world.actor(read_id(actor_id)), read_bool(enabled, "enabled"))


def set_actor_autopilot(simulator: Simulator, actor_id: Any, enabled: Any) -> None:
    """Accepted: the Traffic Manager that drives lives in the client."""
    simulator.world.actor(read_id(actor_id))


def set_actor_dead(simulator: Simulator, actor_id: Any) -> None:
    """A walker falls and stays where it is; other actors do not change."""
    actor = simulator.world.actor(read_id(actor_id))
    if isinstance(actor, Walker):
        simulator.world.walkers.fall(actor.actor_id)


def vehicle_of(simulator: Simulator, actor_id: Any) -> Vehicle:
    """The vehicle of an id.

    Raises:
        InvalidArgument: no such actor, or it is none.
    """
    actor = simulator.world.actor(read_id(actor_id))
    if not isinstance(actor, Vehicle):
        raise InvalidArgument(f"actor {actor_id} is a {actor.type_id}, the call needs a vehicle")
    return actor


def walker_of(simulator: Simulator, actor_id: Any) -> Walker:
    """The walker of an id.

    Raises:
        InvalidArgument: no such actor, or it is none.
    """
    actor = simulator.world.actor(read_id(actor_id))
    if not isinstance(actor, Walker):
        raise InvalidArgument(f"actor {actor_id} is a {actor.type_id}, the call needs a walker")
    return actor


def _turn_about_middle(simulator: Simulator, actor_id: Any, push: Vector, location: Any) -> Vector:
    """Yaw torque (or angular impulse) of a push at a point."""
    x_m, y_m, _ = read_vector(location, "location", FARTHEST_M)
    middle_x_m, middle_y_m = simulator.world.pose_of(vehicle_of(simulator, actor_id))[:2]
    return 0.0, 0.0, (x_m - middle_x_m) * push[1] - (y_m - middle_y_m) * push[0]


def _fleet(simulator: Simulator, actor_id: Any) -> Any:
    actor = simulator.world.actor(read_id(actor_id))
    if isinstance(actor, Walker):
        return simulator.world.walkers
    if isinstance(actor, Vehicle):
        return simulator.world.vehicles
    raise InvalidArgument(f"actor {actor_id} is a {actor.type_id}, the call needs a vehicle or a walker")


PROCEDURES = {
    **rows(
        Returns.VALUE,
        spawn_actor,
        spawn_actor_with_parent,
        destroy_actor,
        get_actors_by_id,
        get_actor_bounding_box,
    ),
    **rows(
        Returns.VOID,
        set_actor_transform,
        set_actor_location,
        set_actor_target_velocity,
        set_actor_target_angular_velocity,
        enable_actor_constant_velocity,
        disable_actor_constant_velocity,
        add_actor_impulse,
        add_actor_force,
        add_actor_impulse_at_location,
        add_actor_force_at_location,
        add_actor_angular_impulse,
        add_actor_torque,
        set_actor_simulate_physics,
        set_actor_enable_gravity,
        set_actor_collisions,
        set_actor_autopilot,
        set_actor_dead,
    ),
}
