"""A map of where infractions happened, as inline SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from leaderboard.infractions import Infraction, InfractionKind
from syndiff.report.charts import COLORS

_SIZE_PX, _MARGIN_PX, _LEGEND_PX = 520, 30, 20


def infraction_map(events: Sequence[Infraction], lines_m: Sequence[Sequence[tuple[float, float]]] = ()) -> str | None:
    """Draw events as dots, north up as CARLA's maps are seen from above (x right, y down).

    Args:
        events: those without a place are left out.
        lines_m: polylines (x, y) to draw below, e.g. routes.

    Returns:
        An `<svg>` element, or None if no event has a place.
    """
    placed = [event for event in events if math.isfinite(event.position_in_world_m[0])]
    if not placed:
        return None
    points = [event.position_in_world_m[:2] for event in placed] + [point for line in lines_m for point in line]
    low_x, low_y = min(x for x, _ in points), min(y for _, y in points)
    span_m = max(max(x for x, _ in points) - low_x, max(y for _, y in points) - low_y, 20.0)
    scale = (_SIZE_PX - 2 * _MARGIN_PX) / span_m

    def at(x_m: float, y_m: float) -> tuple[float, float]:
        return _MARGIN_PX + (x_m - low_x) * scale, _MARGIN_PX + (y_m - low_y) * scale

    kinds = [kind for kind in InfractionKind if any(event.kind is kind for event in placed)]
    height = _SIZE_PX + _LEGEND_PX * len(kinds)
    parts = [
        f'<svg viewBox="0 0 {_SIZE_PX} {height}" width="{_SIZE_PX}" height="{height}" role="img" '
        f'aria-label="map of infractions">'
    ]
    for line in lines_m:
        path = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in line)
        parts.append(f'<polyline fill="none" stroke="var(--line)" stroke-width="3" points="{path}"/>')
    for event in placed:
        x, y = at(*event.position_in_world_m[:2])
        color = COLORS[kinds.index(event.kind) % len(COLORS)]
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{color}" fill-opacity="0.7">'
            f"<title>{html.escape(event.message)}</title></circle>"
        )
    for number, kind in enumerate(kinds):
        y = _SIZE_PX + _LEGEND_PX * number + 6
        color = COLORS[number % len(COLORS)]
        count = sum(event.kind is kind for event in placed)
        parts.append(f'<circle cx="{_MARGIN_PX}" cy="{y}" r="5" fill="{color}"/>')
        parts.append(
            f'<text x="{_MARGIN_PX + 12}" y="{y + 4}" font-size="12" fill="currentColor" '
            f'font-family="system-ui,sans-serif">{kind.value} ({count})</text>'
        )
    parts.append(
        f'<text x="{_SIZE_PX - _MARGIN_PX}" y="{_SIZE_PX - 4}" text-anchor="end" font-size="11" '
        f'fill="currentColor" font-family="system-ui,sans-serif">{span_m:.0f} m across</text>'
    )
    return "".join([*parts, "</svg>"])
