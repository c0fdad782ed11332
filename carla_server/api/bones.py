"""Skeletons and parts of actors: walkers' bones and poses, vehicles' wheels, component and socket queries."""

from __future__ import annotations

import math
from typing import Any

from carla_server.api.actors import vehicle_of, walker_of
from carla_server.api.simulator import Simulator
from carla_server.api.table import Returns, rows
from carla_server.dynamics.physics_control import wheel_offsets_m
from carla_server.wire.structs import (
    InvalidArgument,
    Pose,
    pose_to_wire,
    read_array,
    read_float,
    read_id,
    read_pose,
    read_str,
)
from carla_server.world.actors import Actor, Vehicle, Walker
from carla_server.world.pieces import feet_of, walker_bones, walker_gait
from carla_server.world.poses import compose
from carla_server.world.skeleton import BONE_NAMES, in_component

_ROOT = "root"
_IDENTITY: Pose = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_FOUR_WHEELS = ("Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right")
_TWO_WHEELS = ("Wheel_Front", "Wheel_Rear")
_BASE = "Vehicle_Base"


def get_bones_transform(simulator: Simulator, actor_id: Any) -> list:
    """carla.WalkerBoneControlOut: each bone's name and pose in the world, in the body's frame and in the parent's."""
    walker = walker_of(simulator, actor_id)
    relative = walker_bones(simulator.world, walker)
    component = in_component(relative)
    feet = feet_of(simulator.world, walker)
    bones = [
        [
            name,
            pose_to_wire(compose(feet, component[name])),
            pose_to_wire(component[name]),
            pose_to_wire(relative[name]),
        ]
        for name in BONE_NAMES
    ]
    return [bones]


def set_bones_transform(simulator: Simulator, actor_id: Any, bones: Any) -> None:
    """carla.WalkerBoneControlIn: poses of bones in their parents' frames; `blend_pose` shows them."""
    walker = walker_of(simulator, actor_id)
    wanted: dict[str, Pose] = {}
    for entry in read_array(read_array(bones, "bones", 1)[0], "bone transforms"):
        name, transform = read_array(entry, "bone transform", 2)[:2]
        name = read_str(name, "bone name")
        if name not in BONE_NAMES:
            raise InvalidArgument(
                f"bone {name!r} does not exist; get_bones() of the walker lists the {len(BONE_NAMES)}"
            )
        wanted[name] = read_pose(transform, f"transform of bone {name}")
    walker.pose_of_client.relative.update(wanted)
    simulator.world.note_pieces(walker)


def blend_pose(simulator: Simulator, actor_id: Any, weight: Any) -> None:
    """0 shows the walker's own gait, 1 the pose that the client set, values between mix them."""
    walker = walker_of(simulator, actor_id)
    walker.pose_of_client.weight = read_float(weight, "blend", 0.0, 1.0)
    simulator.world.note_pieces(walker)


def get_pose_from_animation(simulator: Simulator, actor_id: Any) -> None:
    """Make the pose of this moment the client's pose, as a start for changes."""
    walker = walker_of(simulator, actor_id)
    walker.pose_of_client.relative = walker_gait(simulator.world, walker)
    simulator.world.note_pieces(walker)


def get_actor_component_names(simulator: Simulator, actor_id: Any) -> list[str]:
    return list(_components(simulator.world.actor(read_id(actor_id))))


def get_actor_component_world_transform(simulator: Simulator, actor_id: Any, component: Any) -> list:
    actor = simulator.world.actor(read_id(actor_id))
    return pose_to_wire(compose(simulator.world.pose_of(actor), _component(actor, component)))


def get_actor_component_relative_transform(simulator: Simulator, actor_id: Any, component: Any) -> list:
    return pose_to_wire(_component(simulator.world.actor(read_id(actor_id)), component))


def get_actor_bone_names(simulator: Simulator, actor_id: Any) -> list[str]:
    return list(_bones(simulator, simulator.world.actor(read_id(actor_id))))


def get_actor_bone_world_transforms(simulator: Simulator, actor_id: Any) -> list:
    """Poses in the world, in the order of the names."""
    actor = simulator.world.actor(read_id(actor_id))
    origin = feet_of(simulator.world, actor) if isinstance(actor, Walker) else simulator.world.pose_of(actor)
    return [pose_to_wire(compose(origin, pose)) for pose in _bones(simulator, actor).values()]


def get_actor_bone_relative_transforms(simulator: Simulator, actor_id: Any) -> list:
    """Poses in the parent's frame (walkers) or the vehicle's, in the order of the names."""
    actor = simulator.world.actor(read_id(actor_id))
    bones = walker_bones(simulator.world, actor) if isinstance(actor, Walker) else _bones(simulator, actor)
    return [pose_to_wire(pose) for pose in bones.values()]


def get_vehicle_bone_world_transforms(simulator: Simulator, actor_id: Any) -> list:
    vehicle_of(simulator, actor_id)
    return get_actor_bone_world_transforms(simulator, actor_id)


def get_actor_socket_names(simulator: Simulator, actor_id: Any) -> list[str]:
    """No actor of this server has sockets."""
    simulator.world.actor(read_id(actor_id))
    return []


def get_actor_socket_world_transforms(simulator: Simulator, actor_id: Any) -> list:
    return get_actor_socket_names(simulator, actor_id)


def get_actor_socket_relative_transforms(simulator: Simulator, actor_id: Any) -> list:
    return get_actor_socket_names(simulator, actor_id)


def _components(actor: Actor) -> dict[str, Pose]:
    """Component -> pose in the actor's frame. The names are CARLA's, which has many more: lamps, doors, ..."""
    components: dict[str, Pose] = {_ROOT: _IDENTITY}
    if isinstance(actor, Vehicle):
        components["VehicleMesh"] = _IDENTITY
    elif isinstance(actor, Walker):
        components["CharacterMesh0"] = (0.0, 0.0, -actor.box.extent_m[2], 0.0, 0.0, 0.0)
    return components


def _component(actor: Actor, name: Any) -> Pose:
    components, wanted = _components(actor), read_str(name, "component")
    if wanted not in components:
        raise InvalidArgument(
            f"component {wanted!r} does not exist; {actor.type_id} {actor.actor_id} has {', '.join(components)}"
        )
    return components[wanted]


def _bones(simulator: Simulator, actor: Actor) -> dict[str, Pose]:
    """Bone -> pose in the actor's frame (walkers: from the feet); empty for what has no bones."""
    if isinstance(actor, Walker):
        return in_component(walker_bones(simulator.world, actor))
    if not isinstance(actor, Vehicle):
        return {}
    fleet = simulator.world.vehicles
    row, spec = fleet.index_of(actor.actor_id), fleet.spec_of(actor.actor_id)
    steer_deg = math.degrees(float(fleet.steer_rad[row]))
    roll_deg = -math.degrees(float(fleet.wheel_turn_rad[row]))
    half_base_m = 0.5 * spec.wheelbase_m
    places = [(half_base_m, 0.0), (-half_base_m, 0.0)] if spec.is_two_wheeler else wheel_offsets_m(spec)
    names = _TWO_WHEELS if spec.is_two_wheeler else _FOUR_WHEELS
    bones: dict[str, Pose] = {_BASE: _IDENTITY}
    for name, (forward_m, right_m) in zip(names, places, strict=True):
        yaw_deg = steer_deg if forward_m > 0.0 else 0.0
        bones[name] = (forward_m, right_m, spec.wheel_radius_m, roll_deg, yaw_deg, 0.0)
    return bones


PROCEDURES = {
    **rows(
        Returns.VALUE,
        get_bones_transform,
        get_actor_component_names,
        get_actor_component_world_transform,
        get_actor_component_relative_transform,
        get_actor_bone_names,
        get_actor_bone_world_transforms,
        get_actor_bone_relative_transforms,
        get_vehicle_bone_world_transforms,
        get_actor_socket_names,
        get_actor_socket_world_transforms,
        get_actor_socket_relative_transforms,
    ),
    **rows(Returns.VOID, set_bones_transform, blend_pose, get_pose_from_animation),
}
