"""The command line: fast help, teaching errors, documented exit statuses, TOML run files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from syndiff.cli import EXIT_FAILED, EXIT_USAGE, main, parse
from syndiff.commands import COMMANDS
from syndiff.commands.record import Record
from syndiff.commands.train import Train


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "syndiff.cli", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("module", ["carla_agents", "syndiff.cli", "syndiff.commands"])
def test_importing_the_front_door_loads_neither_torch_nor_carla(module):
    script = f"import sys, {module}; sys.exit(bool({{'torch', 'carla', 'cv2', 'numba'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_subcommand_explains_every_option(name, capsys):
    with pytest.raises(SystemExit) as stop:
        parse([name, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for option in COMMANDS[name].__dataclass_fields__:
        name_shown = option.replace("_", "-")
        assert (
            f"--{name_shown}" in text
            or f"--no-{name_shown}" in text
            or re.search(rf"^\W+{name_shown.upper()}\s", text, re.MULTILINE)
        )


def test_a_wrong_option_is_a_usage_error_that_names_the_right_one():
    done = run("record", "--out", "x", "--condition", "rain-night")
    assert done.returncode == EXIT_USAGE
    assert "--conditions" in done.stdout + done.stderr


def test_an_unknown_condition_fails_with_the_known_words_and_no_traceback(tmp_path):
    done = run("record", "--out", str(tmp_path / "store"), "--conditions", "hail-noon")
    assert done.returncode == EXIT_FAILED
    assert "hail-noon" in done.stderr
    assert "rain" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists(), "nothing is written before the options are understood"


def test_a_run_file_gives_defaults_that_the_command_line_overrides(tmp_path):
    run_file = tmp_path / "run.toml"
    run_file.write_text('out = "data"\nconditions = ["rain-night", "fog-day"]\ndrives = [3]\nseed = 7\n')
    options = parse(["record", "--config", str(run_file), "--seed", "8"])
    assert options == Record(out=Path("data"), conditions=("rain-night", "fog-day"), drives=(3,), seed=8)


def test_a_misspelt_key_of_a_run_file_is_refused_with_a_suggestion(tmp_path, capsys):
    run_file = tmp_path / "run.toml"
    run_file.write_text('data = "store"\nout = "policy"\nstep = 10\n')
    assert main(["train", "--config", str(run_file)]) == EXIT_USAGE
    assert "'steps'" in capsys.readouterr().err
    with pytest.raises(ValueError, match="cannot read"):
        parse(["train", "--config", str(tmp_path / "absent.toml")])


def test_options_that_contradict_each_other_are_refused(tmp_path, capsys):
    store = tmp_path / "store"
    weights = ["--synthesizer", "procedural", "--weights", str(tmp_path / "weights")]
    assert main(["synthesize", "--data", str(store), "--conditions", "fog-day", *weights]) == 1
    assert "--weights" in capsys.readouterr().err
    assert main(["evaluate", "--out", str(tmp_path / "r.json"), "--blank-camera"]) == 1
    assert "--policy" in capsys.readouterr().err


def test_a_missing_store_is_an_error_that_names_its_path(tmp_path, capsys):
    assert main(["train", "--data", str(tmp_path / "nothing"), "--out", str(tmp_path / "policy")]) == EXIT_FAILED
    assert "nothing" in capsys.readouterr().err


def test_options_equal_their_recorded_form():
    options = parse(["train", "--data", "a", "--out", "b", "--steps", "5"])
    assert options == Train(Path("a"), Path("b"), steps=5)
