"""The report: `report.json` with every figure and trace, and `report.html` for people."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2

from carla_agents.simulator.client_version import installed_client_version
from syndiff.conformance.diff import FORMAT
from syndiff.conformance.figures import Figure, Part, write_json
from syndiff.report.charts import line_chart
from syndiff.report.page import Page

_CHARTS = {
    "100 and stop": ("full throttle to 100 km/h, full brakes", "speed_mps", "m/s"),
    "coast from 50": ("throttle let go at 50 km/h", "speed_mps", "m/s"),
    "lane change at 60": ("one sine of steering at 60 km/h", "yaw_rate_rps", "rad/s"),
    "step steer at 30": ("sudden steer 0.1 at 30 km/h", "yaw_rate_rps", "rad/s"),
}
_FOLDED = ("attributes/", "blueprints/")


def write_report(out: Path, run: Mapping[str, Any], parts: Sequence[Part], unfinished: Mapping[str, str]) -> None:
    """Write both files of the report.

    Args:
        out: folder; pictures that parts name lie below it.
        run: server and options.
        parts: finished parts.
        unfinished: part -> why it is not there.

    Raises:
        OSError: a picture is gone, or the folder cannot be written.
    """
    machine = machine_facts()
    plain = {
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **run,
        "machine": machine,
        "unfinished": dict(unfinished),
        "seconds": {part.name: round(part.seconds, 1) for part in parts},
        "figures": {part.name: {key: fig.to_json() for key, fig in part.figures.items()} for part in parts},
        "traces": {name: columns for part in parts for name, columns in part.traces.items()},
    }
    write_json(out / "report.json", plain)
    _page(out, run, machine, parts, unfinished).write(out / "report.html")


def machine_facts() -> dict[str, str]:
    """Where the client ran; a server elsewhere has its own machine."""
    driver = Path("/proc/driver/nvidia/version")
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8", errors="replace").splitlines() if cpu.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
    return {
        "cpu": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "gpu": driver.read_text(encoding="utf-8").splitlines()[0] if driver.exists() else "no NVIDIA driver",
        "system": platform.platform(),
        "python": platform.python_version(),
        "carla client": installed_client_version(),
    }


def _page(
    out: Path,
    run: Mapping[str, Any],
    machine: Mapping[str, str],
    parts: Sequence[Part],
    unfinished: Mapping[str, str],
) -> Page:
    server = run["server"]
    kind = "this project's embedded server" if server["is_ours"] else "a CARLA server"
    page = Page(
        f"Conformance of {kind}",
        f"CARLA {server['version']}, map {server['map']}, {run['delta_s']} s per tick, through the plain client API.",
    )
    if server["is_ours"]:
        page.notice(
            "These figures are the embedded server's own. Whether real CARLA gives the same is not verified by us: "
            "run this protocol on a CARLA 0.9.16 server and compare with `syndiff conformance-diff`."
        )
    for name, why in unfinished.items():
        page.notice(f"Part {name!r} is missing: {why}")
    page.table(["machine of the client", ""], list(machine.items()))
    for part in parts:
        page.heading(f"{part.name} ({part.seconds:.0f} s)")
        for caption, file in part.pictures.items():
            picture = cv2.imread(str(out / file))
            if picture is None:
                raise OSError(f"the picture {out / file} is gone; delete the part's file to measure it anew")
            page.picture(picture[..., ::-1], caption)
        _charts(page, part)
        shown = {key: figure for key, figure in part.figures.items() if not key.startswith(_FOLDED)}
        page.table(
            ["figure", "value", "unit", "tolerance"],
            [(key, _value(figure), figure.unit, _tolerance(figure)) for key, figure in shown.items()],
        )
        folded = [f"{key}: {_value(figure)}" for key, figure in part.figures.items() if key not in shown]
        if folded:
            page.details(f"{len(folded)} lists", "\n".join(folded))
    return page


def _charts(page: Page, part: Part) -> None:
    charts = []
    for test, (title, column, unit) in _CHARTS.items():
        series = {}
        for name, trace in part.traces.items():
            vehicle, _, its_test = name.partition("/")
            if its_test == test:
                series[vehicle.rsplit(".", 1)[-1]] = (trace["time_s"], trace[column])
        if series:
            charts.append(line_chart(title, "s", unit, series))
    if charts:
        page.charts(charts)


def _value(figure: Figure) -> str:
    if figure.value is None:
        return f"missing: {figure.why}"
    if isinstance(figure.value, list):
        return ", ".join(figure.value) or "none"
    if isinstance(figure.value, float):
        return f"{figure.value:.5g}"
    return str(figure.value)


def _tolerance(figure: Figure) -> str:
    if not figure.compared:
        return "not compared"
    if isinstance(figure.value, int | float) and not isinstance(figure.value, bool):
        terms = [f"{100 * figure.relative:g} %"] if figure.relative else []
        terms += [f"{figure.absolute:g}"] if figure.absolute else []
        return " or ".join(terms) or "exact"
    return "exact" if figure.value is not None else ""
