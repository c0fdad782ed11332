"""Everything in the byte layouts that depends on the client's version, one row a version.

Source: debug information of the PyPI wheels of both versions and runs of both clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Layout:
    """Byte-level dialect of one CARLA version.

    Attributes:
        version: what `version` answers and the client compares with its own.
        sensor_type_ids: sensor family -> number in the client's registry; a wrong one crashes the client.
        attribute_type_base: number of the attribute type Bool; Int, Float, String, RGBColor follow.
        bounding_box_has_actor_id: whether a BoundingBox ends with the id of its actor.
        spawn_has_attachment: whether a batched SpawnActor carries attachment type and socket name.
        resubscribes_after_load: whether the client subscribes to snapshots anew after a load; see `changeover`.
    """

    version: str
    sensor_type_ids: Mapping[str, int]
    attribute_type_base: int
    bounding_box_has_actor_id: bool
    spawn_has_attachment: bool
    resubscribes_after_load: bool


def _numbered(names: str) -> Mapping[str, int]:
    return MappingProxyType({name: number for number, name in enumerate(names.split())})


_COMMON = (
    "collision depth normals dvs gnss imu lane_invasion obstacle optical_flow radar lidar_semantic lidar rss rgb "
    "semantic_segmentation instance_segmentation "
)

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "0.9.15": Layout(
            version="0.9.15",
            sensor_type_ids=_numbered(_COMMON + "world gbuffer_uint8 gbuffer_float"),
            attribute_type_base=0,
            bounding_box_has_actor_id=False,
            spawn_has_attachment=False,
            resubscribes_after_load=False,
        ),
        "0.9.16": Layout(
            version="0.9.16",
            sensor_type_ids=_numbered(_COMMON + "cosmos world gbuffer_uint8 gbuffer_float v2x v2x_custom"),
            attribute_type_base=1,
            bounding_box_has_actor_id=True,
            spawn_has_attachment=True,
            resubscribes_after_load=True,
        ),
    }
)
"""Version -> layout."""

DEFAULT_VERSION = "0.9.16"
