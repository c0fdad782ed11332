"""Writes the table of scenario types into docs/scenarios.md, from the code: `python docs/make_scenarios.py`."""

from __future__ import annotations

from pathlib import Path

from scenarios.parameters import Ignored, Interval, Number, Parameter, Point
from scenarios.types import TYPES

PAGE = Path(__file__).with_name("scenarios.md")
BEGIN, END = "<!-- types: made by docs/make_scenarios.py -->", "<!-- end of types -->"


def table() -> str:
    """The Markdown between the two marks."""
    lines = ["| type | where | what happens | parameters |", "|---|---|---|---|"]
    for name, made in sorted(TYPES.items()):
        where = {
            "road": "road",
            "straight": "junction, straight on",
            "turn": "junction, any turn",
            "exit": "lane change to the right, then a right turn",
            "bay": "parking bay at the route's beginning",
        }
        place = where.get(made.place, f"junction, {made.place} turn")
        parameters = "; ".join(_words(parameter) for parameter in made.parameters) or "-"
        lines.append(f"| {name} | {place} | {made.summary} | {parameters} |")
    lines += ["", f"These are all {len(TYPES)} types of the official route files."]
    return "\n".join(lines)


def page() -> str:
    """The page with the present table."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def _words(parameter: Parameter) -> str:
    if isinstance(parameter, Number):
        return (
            f"`{parameter.name}` {parameter.default:g} ({parameter.low:g} .. {parameter.high:g}): {parameter.meaning}"
        )
    if isinstance(parameter, Interval):
        low, high = parameter.default
        return f"`{parameter.name}` {low:g} .. {high:g}: {parameter.meaning}"
    if isinstance(parameter, Point | Ignored):
        return f"`{parameter.name}`: {parameter.meaning}"
    words = f" ({', '.join(parameter.words)})" if parameter.words else ""
    return f"`{parameter.name}` {parameter.default}{words}: {parameter.meaning}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
