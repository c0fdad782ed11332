"""The page about scenarios says what the code does."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from carla_agents.data.store import Store
from carla_agents.simulator.embedded import EmbeddedServer
from leaderboard.results import Results
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = "--width-px 64 --height-px 36 --every-ticks 20"
SMALL = {
    "--frames 1000": "--frames 10 --vehicles 0",
    "--conditions core12 --seeds 0 1": f"--conditions clear-day --seeds 0 {PICTURES}",
    "--conditions rain-night": f"--conditions rain-night {PICTURES}",
    "--out RESULTS --routes FILE": "--out RESULTS --routes FILE --vehicles 0",
}
"""What makes the page's commands short enough for a test; everything else of them stays."""


def test_the_table_of_types_is_the_one_of_the_code() -> None:
    made = runpy.run_path(str(DOCS / "make_scenarios.py"))
    assert made["page"]() == (DOCS / "scenarios.md").read_text(encoding="utf-8"), "run python docs/make_scenarios.py"


def recording_rows() -> list[str]:
    """Our commands of the table under Recording, one per row."""
    section = (DOCS / "scenarios.md").read_text(encoding="utf-8").partition("## Recording")[2].partition("## ")[0]
    rows = re.findall(r"^\| (?!seed project)[^|]+ \| `([^`]+)` \|$", section, re.MULTILINE)
    assert len(rows) == section.count("\n|") - 2, "every row of the table has one command of ours"
    return rows


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_command_of_the_table_of_the_seed_projects_commands_runs(tmp_path: Path) -> None:
    route = next(
        spec
        for spec in read_routes(ROUTES_FOLDER / "town_grid_scenarios.xml")
        if spec.scenarios[0].type_name == "DynamicObjectCrossing"
    )
    routes = tmp_path / "routes.xml"
    routes.write_text(write_routes([route]))
    server = EmbeddedServer([], 120.0)
    try:
        for number, row in enumerate(recording_rows()):
            for long, short in SMALL.items():
                row = row.replace(long, short)
            row = row.replace("--port 2000", f"--port {server.rpc_port}")
            for word, path in (("DATA", f"data{number}"), ("STORE", "store"), ("RESULTS", "results.json")):
                row = row.replace(word, str(tmp_path / path))
            row = row.replace("FILE", str(routes)).replace("syndiff ", "python -m syndiff.cli ")
            _, *arguments = shlex.split(row)
            done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{row}: {done.stderr[-2000:]}"
    finally:
        server.stop()
    for number in (0, 1):
        assert len(Store.read(tmp_path / f"data{number}").frames()) >= 10
    assert {frame.condition for frame in Store.read(tmp_path / "store").frames()} == {"clear-day", "rain-night"}
    assert Results.read(tmp_path / "results.json").missing() == []
