"""`ToneField`: how a variant changed its frame's colours, place by place, so that other pixels can follow."""

from __future__ import annotations

import cv2
import numpy as np

from augment.layout import GROUP_COUNT, LayoutGroup

_CELL_PX = 8
_PRIOR_PX = 4.0
_LARGEST_CONTRAST = 3.0
_KINDS: tuple[tuple[LayoutGroup, ...], ...] = (
    (LayoutGroup.ROAD, LayoutGroup.ROAD_LINE, LayoutGroup.SIDEWALK, LayoutGroup.TERRAIN),
    (LayoutGroup.SKY,),
    (LayoutGroup.VEHICLE, LayoutGroup.PERSON),
    (LayoutGroup.BUILDING, LayoutGroup.POLE, LayoutGroup.TRAFFIC_CONTROL, LayoutGroup.VEGETATION, LayoutGroup.OTHER),
)
_KIND_OF_GROUP = np.zeros(GROUP_COUNT, np.uint8)
for _kind, _groups in enumerate(_KINDS):
    _KIND_OF_GROUP[list(_groups)] = _kind


class ToneField:
    """Maps colours of a frame to colours of its variant: `contrast * colour + offset(place)`.

    One field for each kind of surface (ground, sky, things that move, things that stand), because at night the same
    grey is black as sky and bright as a road under headlights. Contrast is one number a kind and channel; the offset
    varies from cell to cell and leans on the kind's mean where a cell has few of its pixels.

    Args:
        rgb: (H, W, 3) uint8 frame.
        variant: (H, W, 3) uint8 variant of it.
        group: (H, W) uint8 LayoutGroup.
    """

    def __init__(self, rgb: np.ndarray, variant: np.ndarray, group: np.ndarray) -> None:
        height, width = group.shape
        self._cells = (max(1, round(width / _CELL_PX)), max(1, round(height / _CELL_PX)))
        self._scale = (self._cells[0] / width, self._cells[1] / height)
        # Every other pixel of every other row tells the tone as well.
        source = np.ascontiguousarray(rgb[::2, ::2], np.float32)
        target = np.ascontiguousarray(variant[::2, ::2], np.float32)
        kind = _KIND_OF_GROUP[group[::2, ::2]]
        # Colours, their squares and a one, so that one weighted sum a cell gives means and spreads.
        moments = np.concatenate([source, target, source**2, target**2, np.ones((*kind.shape, 1), np.float32)], 2)
        per_cell = kind.size / (self._cells[0] * self._cells[1])
        everything = self._field(self._sums(moments, per_cell), None)
        kinds = range(len(_KINDS))
        sums = [self._sums(moments * (kind == number)[..., None], per_cell) for number in kinds]
        fields = [self._field(part, everything) for part in sums]
        self._contrast = np.stack([contrast for contrast, _ in fields])
        self._offset = np.stack([offset for _, offset in fields])

    def apply(self, rgb: np.ndarray, group: np.ndarray, x_px: np.ndarray, y_px: np.ndarray) -> np.ndarray:
        """Show pixels in the variant's tone.

        Args:
            rgb: (M, 3) uint8 pixels of a frame of another moment.
            group: (M,) uint8 LayoutGroup of each.
            x_px, y_px: (M,) float32 where they are in the view that the field was made from.

        Returns:
            (M, 3) float32 in [0, 255].
        """
        kind = _KIND_OF_GROUP[group]
        columns, rows = self._cells
        x = np.clip((x_px + 0.5) * self._scale[0] - 0.5, 0.0, columns - 1.0)
        y = np.clip((y_px + 0.5) * self._scale[1] - 0.5, 0.0, rows - 1.0)
        left, top = x.astype(np.intp), y.astype(np.intp)
        right, below = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
        across, down = (x - left)[:, None], (y - top)[:, None]
        upper = self._offset[kind, top, left] * (1.0 - across) + self._offset[kind, top, right] * across
        lower = self._offset[kind, below, left] * (1.0 - across) + self._offset[kind, below, right] * across
        return np.clip(rgb * self._contrast[kind] + upper * (1.0 - down) + lower * down, 0.0, 255.0)

    def _sums(self, moments: np.ndarray, per_cell: float) -> np.ndarray:
        """(rows, columns, 13): the weighted sums of each cell."""
        return cv2.resize(moments, self._cells, interpolation=cv2.INTER_AREA) * np.float32(per_cell)

    def _field(
        self, sums: np.ndarray, fallback: tuple[np.ndarray, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Contrast (3,) and offset (rows, columns, 3) of one kind of surface."""
        total = sums.sum((0, 1))
        if fallback is not None and total[12] < _PRIOR_PX:
            return fallback
        mean = total / total[12]
        spread = np.sqrt(np.maximum(mean[6:12] - mean[:6] ** 2, 0.0))
        contrast = np.clip(spread[3:] / np.maximum(spread[:3], 2.0), 0.0, _LARGEST_CONTRAST)
        near = cv2.blur(sums, (3, 3), borderType=cv2.BORDER_REPLICATE)
        local = (near[..., :6] + _PRIOR_PX * mean[:6]) / (near[..., 12:] + _PRIOR_PX)
        return contrast.astype(np.float32), (local[..., 3:] - contrast * local[..., :3]).astype(np.float32)
