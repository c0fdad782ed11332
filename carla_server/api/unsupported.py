"""Procedures that clients know and this server does not serve: each is answered with the reason."""

from __future__ import annotations

from typing import Any, NoReturn

from carla_server.api.simulator import Simulator
from carla_server.api.table import Handler, Procedure, Returns
from carla_server.wire.structs import InvalidArgument

REASONS: tuple[tuple[Returns, str, str], ...] = (
    (
        Returns.VOID,
        "the map has no layers that can be switched",
        "load_map_layer unload_map_layer enable_environment_objects",
    ),
    (
        Returns.VOID,
        "it needs Unreal's textures",
        "apply_color_texture_to_objects apply_float_color_texture_to_objects",
    ),
    (
        Returns.VOID,
        "it is shown on the simulator's own window, which this server does not have",
        "show_vehicle_debug_telemetry",
    ),
    (
        Returns.VOID,
        "Ackermann control is not built yet",
        "apply_ackermann_control_to_vehicle apply_ackermann_controller_settings",
    ),
    (Returns.VALUE, "Ackermann control is not built yet", "get_ackermann_controller_settings"),
    (
        Returns.VOID,
        "wheels cannot be turned by hand",
        "set_wheel_steer_direction set_wheel_pitch_angle",
    ),
    (
        Returns.VALUE,
        "wheels and bodies have no bones",
        "get_wheel_pitch_angle get_bones_transform get_actor_bone_world_transforms "
        "get_actor_bone_relative_transforms get_actor_socket_world_transforms get_actor_socket_relative_transforms "
        "get_vehicle_bone_world_transforms",
    ),
    (Returns.VOID, "walkers have no bones", "set_bones_transform blend_pose get_pose_from_animation"),
    (
        Returns.VOID,
        "the server has one model of physics",
        "enable_carsim use_carsim_road enable_chrono_physics restore_physx_physics add_actor_impulse_at_location "
        "add_actor_force_at_location",
    ),
    (
        Returns.VOID,
        "the server does not speak ROS or V2X, and has no G-buffer streams",
        "enable_sensor_for_ros disable_sensor_for_ros send set_ignored_vehicles enable_gbuffers "
        "set_annotations_traverse_translucency",
    ),
    (
        Returns.VALUE,
        "the server does not speak ROS or V2X, and has no G-buffer streams",
        "is_sensor_enabled_for_ros are_gbuffers_enabled get_gbuffer_token",
    ),
    (Returns.VOID, "lamps follow the weather, not a clock", "update_day_night_cycle"),
)
"""(kind of answer, why, names); what `docs/carla-compatibility.md` lists as refused."""


def _refusal(name: str, reason: str) -> Handler:
    def refuse(simulator: Simulator, *arguments: Any) -> NoReturn:
        raise InvalidArgument(f"{name} is not supported by this server: {reason}")

    return refuse


PROCEDURES = {
    name: Procedure.of(_refusal(name, reason), returns)
    for returns, reason, names in REASONS
    for name in names.split()
}
