"""The burning lamp of every traffic light has the same colour in the variant as in the source."""

from __future__ import annotations

import numpy as np

from augment.lamps import COLOURS, Lamp, lamp_colours


def lamp_figures(source: np.ndarray, seg: np.ndarray, variant: np.ndarray, least_px: int) -> dict[str, float]:
    """How many lamps burn in the source, and how the worst one fares.

    Args:
        source, variant: (H, W, 3) uint8.
        seg: (H, W) uint8 CARLA tags.
        least_px: smaller heads are not judged.

    Returns:
        `lamps`: heads whose colour is told in the source; `lamp_lead` (only with at least one): natural
        logarithm of the coloured light of the source's colour over that of the strongest other colour in the variant,
        of the worst head. Above 0 the colour is the same, below 0 another colour burns.
    """
    leads = []
    for before, after in zip(lamp_colours(source, seg, least_px), lamp_colours(variant, seg, least_px), strict=True):
        if before.colour is not None:
            leads.append(_lead(after, COLOURS.index(before.colour)))
    return {"lamps": float(len(leads)), **({"lamp_lead": min(leads)} if leads else {})}


def _lead(lamp: Lamp, at: int) -> float:
    others = max(strength for index, strength in enumerate(lamp.strengths) if index != at)
    return float(np.log((lamp.strengths[at] + _NOTHING) / (others + _NOTHING)))


_NOTHING = 0.05
"""Coloured light that a dark head may show: where neither picture shows any, nothing has changed."""
