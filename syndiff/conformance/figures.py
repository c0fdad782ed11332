"""One measured figure, and the result file of one part of the protocol."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Value = float | int | bool | str | list[str] | None


@dataclass(frozen=True)
class Figure:
    """A value with its unit and with how far another server's may lie from it.

    Attributes:
        value: a finite number, a text, a list of texts (a set), or None if it could not be measured.
        unit: of a number.
        relative: tolerated share of the reference's magnitude.
        absolute: tolerated distance in `unit`; the larger of both tolerances counts.
        compared: False for figures that describe the machine and not the server's behaviour (rates, latencies).
        why: reason for a missing value.
    """

    value: Value
    unit: str = ""
    relative: float = 0.0
    absolute: float = 0.0
    compared: bool = True
    why: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise ValueError(f"a figure is {self.value}; give None and a reason for what could not be measured")
        if self.value is None and not self.why:
            raise ValueError("a figure without a value needs the reason")
        if self.relative < 0.0 or self.absolute < 0.0:
            raise ValueError(f"tolerances must not be negative, got {self.relative} and {self.absolute}")

    @staticmethod
    def missing(why: str, unit: str = "") -> Figure:
        """A figure that could not be measured."""
        return Figure(None, unit, why=why)

    @staticmethod
    def number(value: float, unit: str, *, relative: float = 0.0, absolute: float = 0.0) -> Figure:
        """A number, rounded to six significant digits; missing if it is not finite."""
        if not math.isfinite(value):
            return Figure.missing(f"the result is {value}", unit)
        return Figure(float(f"{value:.6g}"), unit, relative, absolute)

    @staticmethod
    def machine(value: float, unit: str) -> Figure:
        """A number that depends on the machine; shown, never compared."""
        return Figure(float(f"{value:.4g}"), unit, compared=False)

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults, so that reports stay readable."""
        plain = asdict(self)
        return {"value": self.value} | {k: v for k, v in plain.items() if k != "value" and v != _DEFAULTS[k]}

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> Figure:
        """The inverse of `to_json`.

        Raises:
            ValueError: unknown or missing keys.
        """
        try:
            return Figure(**plain)
        except TypeError as error:
            raise ValueError(f"not a figure: {dict(plain)!r} ({error})") from error


_DEFAULTS = {"unit": "", "relative": 0.0, "absolute": 0.0, "compared": True, "why": ""}


@dataclass
class Part:
    """What one part of the protocol found.

    Attributes:
        name: of the part.
        figures: id -> figure; ids are unique in the whole report.
        traces: name -> column -> values over time, for charts and for whoever corrects a model.
        pictures: caption -> file below the report's folder.
        seconds: wall time it took.
    """

    name: str
    figures: dict[str, Figure] = field(default_factory=dict)
    traces: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def write(self, path: Path, run: Mapping[str, Any]) -> None:
        """Write the part in one step; `run` says which server and options it belongs to."""
        plain = {
            "part": self.name,
            "run": dict(run),
            "seconds": round(self.seconds, 2),
            "figures": {key: figure.to_json() for key, figure in self.figures.items()},
            "traces": self.traces,
            "pictures": self.pictures,
        }
        write_json(path, plain)

    @staticmethod
    def read(path: Path) -> tuple[Part, dict[str, Any]]:
        """The part and the run that it belongs to.

        Raises:
            ValueError: the file is not a part's.
        """
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            figures = {key: Figure.from_json(value) for key, value in plain["figures"].items()}
            part = Part(plain["part"], figures, plain["traces"], plain["pictures"], plain["seconds"])
            return part, plain["run"]
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path} is not a result of this protocol ({error}); delete it to measure anew"
            ) from error


def write_json(path: Path, plain: Any) -> None:
    """Write JSON in one step, so that an interruption leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(path.suffix + ".tmp")
    temporary.write_text(json.dumps(plain, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(path)
