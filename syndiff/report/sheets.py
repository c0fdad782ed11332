"""Contact sheets and frame strips: pictures in a grid with captions burnt in."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from carla_server.semantics import PALETTE_RGB

_BAR_PX = 20


def color_tags(seg: np.ndarray) -> np.ndarray:
    """(H, W) uint8 CARLA tags -> (H, W, 3) uint8 RGB in CARLA's Cityscapes colours; unknown tags are white."""
    table = np.full((256, 3), 255, np.uint8)
    table[: len(PALETTE_RGB)] = PALETTE_RGB
    return table[seg]


def contact_sheet(rows: Sequence[Sequence[tuple[str, np.ndarray]]], *, tile_width_px: int = 320) -> np.ndarray:
    """Lay pictures out in rows.

    Args:
        rows: each a list of (caption, (H, W, 3) uint8 RGB); pictures of one sheet share their shape.
        tile_width_px: every picture is scaled to this width.

    Returns:
        (H', W', 3) uint8 RGB.

    Raises:
        ValueError: no picture at all.
    """
    if not rows or not any(rows):
        raise ValueError("a contact sheet needs at least one picture")
    columns = max(len(row) for row in rows)
    return np.concatenate(
        [np.concatenate([*_tiles(row, columns, tile_width_px)], axis=1) for row in rows if row], axis=0
    )


def _tiles(row: Sequence[tuple[str, np.ndarray]], columns: int, width_px: int) -> list[np.ndarray]:
    tiles = []
    for caption, picture in row:
        height_px = round(picture.shape[0] * width_px / picture.shape[1])
        enlarge = width_px > picture.shape[1]
        scaled = cv2.resize(
            picture, (width_px, height_px), interpolation=cv2.INTER_LINEAR if enlarge else cv2.INTER_AREA
        )
        tile = np.full((height_px + _BAR_PX + 4, width_px + 4, 3), 24, np.uint8)
        tile[_BAR_PX + 2 : -2, 2:-2] = scaled
        cv2.putText(tile, caption, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.44, (235, 235, 235), 1, cv2.LINE_AA)
        tiles.append(tile)
    blank = np.full_like(tiles[0], 24)
    return tiles + [blank] * (columns - len(tiles))
