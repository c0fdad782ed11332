"""The `syndiff` command: subcommands are frozen dataclasses, and the dataclass that ran is the recorded config."""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.text import Text

from syndiff.commands import COMMANDS, Command

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_PARTIAL, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
DESCRIPTION = "Closed-loop driving for CARLA with online augmentation. Every command also takes --config FILE.toml."


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        argv: arguments without the program's name; `sys.argv[1:]` if None.

    Returns:
        0 done, 1 failed, 2 wrong usage, 3 partial result, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # transformers, which diffusers imports, otherwise reports on stderr that torchvision is absent; we do not use it.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    errors = Console(stderr=True)
    try:
        command = parse(arguments)
    except ValueError as error:
        errors.print(Text.assemble(("error", "red"), f": {error}"), highlight=False)
        return EXIT_USAGE
    try:
        return command.run()
    except KeyboardInterrupt:
        errors.print("interrupted; what was finished is kept, run the same command again to go on")
        return EXIT_INTERRUPTED
    except Exception as error:
        exit_code = getattr(error, "exit_code", None)
        if exit_code is not None:  # asked to stop by a signal: news, not a failure
            errors.print(str(error), highlight=False, markup=False)
            return int(exit_code)
        if not _is_explained(error):
            raise
        errors.print(Text.assemble(("error", "red"), f": {error}"), highlight=False)
        return EXIT_FAILED


def parse(arguments: list[str]) -> Command:
    """Arguments -> the subcommand with its values; defaults come from `--config FILE.toml` if given.

    Raises:
        ValueError: the file or one of its keys is wrong.
        SystemExit: wrong command-line usage (tyro has printed why), or --help.
    """
    at = _config_file(arguments)
    if at is not None:
        default = load_config(COMMANDS[arguments[0]], Path(arguments[at + 1]))
        rest = arguments[1:at] + arguments[at + 2 :]
        return tyro.cli(type(default), default=default, args=rest, prog=f"syndiff {arguments[0]}")
    return tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="syndiff", description=DESCRIPTION, args=arguments)


def _config_file(arguments: list[str]) -> int | None:
    """Place of the `--config` that names a TOML file of options, if there is one.

    A command may have an option `--config` of its own (`train-seg`, as in mmsegmentation): values that do not end in
    `.toml` are its.
    """
    if not arguments or arguments[0] not in COMMANDS:
        return None
    own = any(field.name == "config" for field in fields(COMMANDS[arguments[0]]))  # type: ignore[arg-type]
    for at, argument in enumerate(arguments):
        if argument == "--config":
            if at + 1 == len(arguments):
                raise ValueError("--config needs the path of a TOML file")
            if not own or arguments[at + 1].endswith(".toml"):
                return at
    return None


def load_config(command: Callable[..., Command], path: Path) -> Command:
    """Build a subcommand from a TOML file whose keys are its fields.

    Raises:
        ValueError: the file cannot be read, an unknown key, or a value the command refuses.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    known = {field.name: field for field in fields(command)}  # type: ignore[arg-type]  # a dataclass by contract
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys are {sorted(known)}"
            raise ValueError(f"{path}: unknown key {key!r}{hint}")
    converted = {key: _as_field(value, str(known[key].type)) for key, value in values.items()}
    return command(**converted)


def _as_field(value: Any, annotation: str) -> Any:
    """TOML has neither paths nor tuples."""
    if "Path" in annotation and isinstance(value, str):
        return Path(value)
    return tuple(value) if isinstance(value, list) else value


def _is_explained(error: Exception) -> bool:
    """Whether the message is written for the user; anything else is a defect and shows its traceback."""
    module = type(error).__module__.partition(".")[0]
    ours = module in {"carla_server", "carla_agents", "augment", "scenarios", "leaderboard", "syndiff"}
    return ours or isinstance(error, ValueError | OSError)


if __name__ == "__main__":
    sys.exit(main())
