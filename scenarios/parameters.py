"""What a scenario type may be told in a route file: declared once, read and checked with one function."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from scenarios.route_files import ScenarioSpec


class ScenarioError(ValueError):
    """A scenario of a route file cannot be run; the message names it, the value and what would be accepted."""


class SpawnError(ScenarioError):
    """There is no room for an actor of a scenario."""


Place = tuple[float, float, float]
Value = float | tuple[float, float] | str | Place | None


@dataclass(frozen=True)
class Number:
    """`<name value="..."/>`: one number."""

    name: str
    default: float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class Interval:
    """`<name from="..." to="..."/>`: two numbers, the first not above the second; `value="..."` stands for both."""

    name: str
    default: tuple[float, float]
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class Word:
    """`<name value="..."/>`: one of some words; an empty tuple of words allows any."""

    name: str
    default: str
    words: tuple[str, ...]
    meaning: str


@dataclass(frozen=True)
class Point:
    """`<name x="..." y="..." z="..."/>`: a place in the world; without one the type finds it on the map."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Ignored:
    """An element that official route files have for a type and that changes nothing here."""

    name: str
    meaning: str = "accepted, without effect"


Parameter = Number | Interval | Word | Point | Ignored


class Values:
    """The parameters of one scenario, by name.

    Args:
        values: what `read_values` found or took as default.
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def number(self, name: str) -> float:
        return cast(float, self._values[name])

    def interval(self, name: str) -> tuple[float, float]:
        return cast("tuple[float, float]", self._values[name])

    def word(self, name: str) -> str:
        return cast(str, self._values[name])

    def place(self, name: str) -> Place | None:
        return cast("Place | None", self._values[name])


def read_values(spec: ScenarioSpec, declared: Sequence[Parameter]) -> Values:
    """The values of a scenario's parameters.

    Args:
        spec: the scenario as the route file has it.
        declared: what its type accepts.

    Raises:
        ScenarioError: a parameter is unknown, is given twice, is no number or is outside its range.
    """
    where = f"scenario {spec.name!r} of type {spec.type_name}"
    known = {parameter.name: parameter for parameter in declared}
    values: dict[str, Value] = {p.name: None if isinstance(p, Point | Ignored) else p.default for p in declared}
    seen: set[str] = set()
    for tag, attributes in spec.parameters:
        if tag not in known:
            raise ScenarioError(f"{where} has an unknown parameter <{tag}>; it accepts {sorted(known) or 'none'}")
        if tag in seen:
            raise ScenarioError(f"{where} gives <{tag}> twice")
        seen.add(tag)
        values[tag] = _read(known[tag], dict(attributes), f"{where}, <{tag}>")
    return Values(values)


def _read(parameter: Parameter, attributes: Mapping[str, str], where: str) -> Value:
    if isinstance(parameter, Number):
        return _number(attributes, "value", where, parameter.low, parameter.high)
    if isinstance(parameter, Ignored):
        return None
    if isinstance(parameter, Interval):
        if "value" in attributes:
            number = _number(attributes, "value", where, parameter.low, parameter.high)
            return number, number
        first = _number(attributes, "from", where, parameter.low, parameter.high)
        last = _number(attributes, "to", where, parameter.low, parameter.high)
        if first > last:
            raise ScenarioError(f"{where}: from is {first:g}, which is above to = {last:g}")
        return first, last
    if isinstance(parameter, Point):
        x, y, z = (_number(attributes, axis, where, -1e6, 1e6) for axis in "xyz")
        return x, y, z
    word = attributes.get("value", "")
    if parameter.words and word not in parameter.words:
        raise ScenarioError(f"{where}: value is {word!r}, allowed {', '.join(parameter.words)}")
    return word


def _number(attributes: Mapping[str, str], name: str, where: str, low: float, high: float) -> float:
    text = attributes.get(name)
    try:
        number = float(text if text is not None else "")
    except ValueError:
        raise ScenarioError(f"{where}: {name} must be a number, got {text!r}") from None
    if not math.isfinite(number) or not low <= number <= high:
        raise ScenarioError(f"{where}: {name} is {text}, allowed {low:g} .. {high:g}")
    return number
