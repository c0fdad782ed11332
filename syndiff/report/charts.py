"""The few charts a report needs, as inline SVG without any library."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

COLORS = ("#0b62a4", "#d1691f", "#3c8d2f", "#9c3aa0", "#b4233a", "#6a6f76")
_WIDTH, _HEIGHT = 520, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 14, 34, 40


def line_chart(
    title: str, x_label: str, y_label: str, series: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> str:
    """Lines over a common x axis.

    Args:
        series: name -> (x values, y values), equal lengths, finite.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: a series is empty, ragged or not finite.
    """
    for name, (x, y) in series.items():
        if not len(x) or len(x) != len(y) or not np.isfinite([*x, *y]).all():
            raise ValueError(f"series {name!r} needs equally many finite x and y, got {len(x)} and {len(y)}")
    all_x = np.concatenate([np.asarray(x, float) for x, _ in series.values()])
    all_y = np.concatenate([np.asarray(y, float) for _, y in series.values()])
    x_low, x_high = float(all_x.min()), float(max(all_x.max(), all_x.min() + 1e-9))
    y_ticks = _ticks(min(0.0, float(all_y.min())), float(all_y.max()))
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (x - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - (y - y_low) / (y_high - y_low) * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = _frame(title, x_label, y_label)
    for tick in y_ticks:
        _, at = place(x_low, tick)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="var(--line)"/>')
        parts.append(_text(_LEFT - 6, at + 4, f"{tick:g}", anchor="end"))
    for tick in _ticks(x_low, x_high):
        if x_low <= tick <= x_high:
            parts.append(_text(place(tick, y_low)[0], _HEIGHT - _BOTTOM + 16, f"{tick:g}"))
    for number, (name, (x, y)) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        points = " ".join("{:.1f},{:.1f}".format(*place(a, b)) for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{points}"/>')
        parts.append(_legend(number, name, color))
    return "".join([*parts, "</svg>"])


def bar_chart(title: str, y_label: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Grouped bars with their value written above.

    Args:
        groups: group name (x axis, a line break at each comma) -> {series name: value >= 0}.

    Returns:
        An `<svg>` element.

    Raises:
        ValueError: no group, or a value that is negative or not finite.
    """
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    values = [v for group in groups.values() for v in group.values()]
    if not values or min(values) < 0 or not np.isfinite(values).all():
        raise ValueError(f"bars need finite values >= 0, got {values}")
    ticks = _ticks(0.0, max(values))
    span = (_WIDTH - _LEFT - _RIGHT) / len(groups)
    bar = min(46.0, span * 0.8 / len(names))
    parts = _frame(title, "", y_label)
    for tick in ticks:
        at = _HEIGHT - _BOTTOM - tick / ticks[-1] * (_HEIGHT - _TOP - _BOTTOM)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="var(--line)"/>')
        parts.append(_text(_LEFT - 6, at + 4, f"{tick:g}", anchor="end"))
    for position, (group, shown) in enumerate(groups.items()):
        center = _LEFT + span * (position + 0.5)
        # One line a comma, so that the names of neighbours do not run into each other.
        for line, words in enumerate(group.split(", ")):
            parts.append(_text(center, _HEIGHT - _BOTTOM + 16 + 13 * line, words))
        for number, name in enumerate(names):
            if name not in shown:
                continue
            height = shown[name] / ticks[-1] * (_HEIGHT - _TOP - _BOTTOM)
            left = center + (number - len(names) / 2) * bar
            top = _HEIGHT - _BOTTOM - height
            parts.append(
                f'<rect x="{left + 1:.1f}" y="{top:.1f}" width="{bar - 2:.1f}" height="{height:.1f}" '
                f'fill="{COLORS[number % len(COLORS)]}"/>'
            )
            parts.append(_text(left + bar / 2, top - 4, f"{shown[name]:.3g}", size=10))
    if len(names) > 1:
        parts += [_legend(i, name, COLORS[i % len(COLORS)]) for i, name in enumerate(names)]
    return "".join([*parts, "</svg>"])


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers that cover [low, high]."""
    span = max(high - low, 1e-9)
    step = 10.0 ** np.floor(np.log10(span / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= 5)
    first = np.floor(low / step + 1e-9)
    last = np.ceil(high / step - 1e-9)
    return [float(step * k) for k in range(int(first), int(last) + 1)]


def _frame(title: str, x_label: str, y_label: str) -> list[str]:
    middle = _TOP + (_HEIGHT - _TOP - _BOTTOM) / 2
    return [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{html.escape(title)}" style="max-width:100%;height:auto">',
        _text(_LEFT, 16, title, anchor="start", size=13, weight=600),
        _text(_WIDTH / 2, _HEIGHT - 6, x_label),
        f'<g transform="rotate(-90 14 {middle})">{_text(14, middle, y_label)}</g>',
    ]


def _legend(number: int, name: str, color: str) -> str:
    x = _LEFT + number * 118
    label = _text(x + 14, 31, name, anchor="start", size=11)
    return f'<rect x="{x}" y="22" width="10" height="10" fill="{color}"/>{label}'


def _text(x: float, y: float, text: str, *, anchor: str = "middle", size: int = 11, weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="currentColor" font-family="system-ui,sans-serif">{html.escape(text)}</text>'
    )
