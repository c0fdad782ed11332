"""The reference line of a road: lines, arcs, spirals and cubics, evaluated at many places at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

TABLE_STEP_M = 0.25
"""Spacing of the tables behind shapes without a closed form; the line between two entries is off by < 0.1 mm."""


@dataclass(frozen=True)
class Geometry:
    """One piece of a reference line in OpenDRIVE's right-handed plane (metres, radians)."""

    s_m: float
    x_m: float
    y_m: float
    heading_rad: float
    length_m: float
    kind: str
    values: tuple[float, ...]
    """The shape's attributes in the order of `KINDS`."""

    normalized: bool
    """paramPoly3 only: the parameter runs from 0 to 1 instead of over the length."""

    KINDS: ClassVar[dict[str, tuple[str, ...]]] = {
        "line": (),
        "arc": ("curvature",),
        "spiral": ("curvStart", "curvEnd"),
        "poly3": ("a", "b", "c", "d"),
        "paramPoly3": ("aU", "bU", "cU", "dU", "aV", "bV", "cV", "dV"),
    }

    def local(self, ds_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(u, v, relative heading) at distances along this piece, each (N,)."""
        if self.kind == "line":
            return ds_m, np.zeros_like(ds_m), np.zeros_like(ds_m)
        if self.kind == "arc" and abs(self.values[0]) > 1e-12:
            turn = self.values[0] * ds_m
            return np.sin(turn) / self.values[0], (1 - np.cos(turn)) / self.values[0], turn
        if self.kind == "arc":
            return ds_m, np.zeros_like(ds_m), np.zeros_like(ds_m)
        steps = np.linspace(0.0, max(self.length_m, 1e-6), max(2, int(self.length_m / TABLE_STEP_M) + 2))
        u, v, heading = self._table(steps)
        return np.interp(ds_m, steps, u), np.interp(ds_m, steps, v), np.interp(ds_m, steps, heading)

    def _table(self, steps_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.kind == "spiral":
            start, end = self.values
            rate = (end - start) / max(self.length_m, 1e-9)

            def heading_at(ds):
                return start * ds + 0.5 * rate * ds**2

            middle = heading_at((steps_m[:-1] + steps_m[1:]) / 2)
            step = np.diff(steps_m)
            ends = heading_at(steps_m)
            simpson_u = step / 6 * (np.cos(ends[:-1]) + 4 * np.cos(middle) + np.cos(ends[1:]))
            simpson_v = step / 6 * (np.sin(ends[:-1]) + 4 * np.sin(middle) + np.sin(ends[1:]))
            return np.r_[0.0, np.cumsum(simpson_u)], np.r_[0.0, np.cumsum(simpson_v)], ends
        if self.kind == "poly3":
            a, b, c, d = self.values
            fine = np.linspace(0.0, self.length_m, 8 * len(steps_m))
            across = a + fine * (b + fine * (c + fine * d))
            slope = b + fine * (2 * c + 3 * fine * d)
            run = np.r_[0.0, np.cumsum(np.hypot(np.diff(fine), np.diff(across)))]
            return tuple(np.interp(steps_m, run, column) for column in (fine, across, np.arctan(slope)))
        a_u, b_u, c_u, d_u, a_v, b_v, c_v, d_v = self.values
        p = np.linspace(0.0, 1.0 if self.normalized else self.length_m, 8 * len(steps_m))
        u, v = a_u + p * (b_u + p * (c_u + p * d_u)), a_v + p * (b_v + p * (c_v + p * d_v))
        du, dv = b_u + p * (2 * c_u + 3 * p * d_u), b_v + p * (2 * c_v + 3 * p * d_v)
        run = np.r_[0.0, np.cumsum(np.hypot(np.diff(u), np.diff(v)))]
        run *= self.length_m / max(run[-1], 1e-9)
        return tuple(np.interp(steps_m, run, column) for column in (u, v, np.unwrap(np.arctan2(dv, du))))


class PlanView:
    """The chain of a road's geometries."""

    def __init__(self, pieces: list[Geometry]) -> None:
        if not pieces:
            raise ValueError("a road's planView needs at least one geometry")
        self._pieces = sorted(pieces, key=lambda piece: piece.s_m)
        self._starts = np.array([piece.s_m for piece in self._pieces])

    def at(self, s_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(x, y, heading) of the reference line in OpenDRIVE's plane, each of the shape of `s_m`."""
        s = np.asarray(s_m, float)
        flat = s.ravel()
        owner = np.clip(np.searchsorted(self._starts, flat + 1e-9, side="right") - 1, 0, None)
        x, y, heading = np.empty_like(flat), np.empty_like(flat), np.empty_like(flat)
        for index in np.unique(owner):
            piece, mine = self._pieces[index], owner == index
            u, v, turn = piece.local(flat[mine] - piece.s_m)
            cos, sin = np.cos(piece.heading_rad), np.sin(piece.heading_rad)
            x[mine] = piece.x_m + u * cos - v * sin
            y[mine] = piece.y_m + u * sin + v * cos
            heading[mine] = piece.heading_rad + turn
        return x.reshape(s.shape), y.reshape(s.shape), heading.reshape(s.shape)
