"""`PARKED_VEHICLES`: which blueprints may stand at the roadside, with their sizes.

The official module holds positions of meshes in CARLA's large maps; those maps and meshes are not ours, so the table
is empty and tools that iterate over it do nothing.
"""

from __future__ import annotations

from typing import Any

PARKED_VEHICLES: dict[str, list[dict[str, Any]]] = {}
