"""`run.json` says how an output was made, and guards a resumed run against another configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from carla_agents.data.errors import StoreError
from carla_agents.data.provenance import run_record, write_run_record
from carla_agents.simulator.frame import Command


@dataclass(frozen=True)
class _Inner:
    place: Path = Path("maps")
    command: Command = Command.LEFT


@dataclass(frozen=True)
class _Config:
    every_ticks: int = 5
    conditions: tuple[str, ...] = ("clear-day",)
    inner: _Inner = _Inner()


def test_the_record_holds_config_seeds_versions_and_machine(tmp_path):
    path = write_run_record(tmp_path / "run", run_record(_Config(), {"run": 3}))
    record = json.loads(path.read_text())
    assert record["config"] == {
        "every_ticks": 5,
        "conditions": ["clear-day"],
        "inner": {"place": "maps", "command": "LEFT"},
    }
    assert record["seeds"] == {"run": 3}
    assert "numpy" in record["packages"]
    assert record["machine"]["cpus"] >= 1
    assert list(tmp_path.rglob("*.part")) == []


def test_the_same_run_gives_the_same_record():
    assert run_record(_Config(), {"run": 3}) == run_record(_Config(), {"run": 3})


def test_a_resumed_run_keeps_the_record_and_another_configuration_is_refused_by_field(tmp_path):
    write_run_record(tmp_path, run_record(_Config(), {"run": 3}))
    before = (tmp_path / "run.json").read_bytes()
    write_run_record(tmp_path, run_record(_Config(), {"run": 3}))
    assert (tmp_path / "run.json").read_bytes() == before
    with pytest.raises(StoreError, match=r"config\.every_ticks: 5 there, 6 now"):
        write_run_record(tmp_path, run_record(_Config(every_ticks=6), {"run": 3}))
    with pytest.raises(StoreError, match=r"seeds\.run: 3 there, 4 now"):
        write_run_record(tmp_path, run_record(_Config(), {"run": 4}))
