"""The page about scenarios says what the code does."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_table_of_types_is_the_one_of_the_code() -> None:
    made = runpy.run_path(str(DOCS / "make_scenarios.py"))
    assert made["page"]() == (DOCS / "scenarios.md").read_text(encoding="utf-8"), "run python docs/make_scenarios.py"
