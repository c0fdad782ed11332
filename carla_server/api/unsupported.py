"""Procedures that clients know and this server does not serve: each is answered with the reason."""

from __future__ import annotations

from typing import Any, NoReturn

from carla_server.api.simulator import Simulator
from carla_server.api.table import Handler, Procedure, Returns
from carla_server.wire.structs import InvalidArgument

REASONS: tuple[tuple[Returns, str, str], ...] = (
    (
        Returns.VOID,
        "it needs Unreal's textures",
        "apply_color_texture_to_objects apply_float_color_texture_to_objects",
    ),
    (
        Returns.VOID,
        "the server has one model of physics",
        "enable_carsim use_carsim_road enable_chrono_physics",
    ),
    (Returns.VOID, "the server does not speak ROS", "enable_sensor_for_ros"),
    (Returns.VOID, "the server has no V2X sensors", "send"),
    (Returns.VOID, "its sensors measure all vehicles", "set_ignored_vehicles"),
    (Returns.VOID, "the renderer has no G-buffer streams", "enable_gbuffers"),
    (Returns.VALUE, "the renderer has no G-buffer streams", "get_gbuffer_token"),
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
