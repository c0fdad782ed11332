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
        "the server has one model of physics",
        "enable_carsim use_carsim_road enable_chrono_physics restore_physx_physics",
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
