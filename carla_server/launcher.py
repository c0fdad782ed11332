"""`CarlaUE4.sh` for scripts that start CARLA themselves: CARLA's command line in, this server's out.

`python -m carla_server.launcher [OUR OPTIONS] CarlaUE4 [CARLA'S FLAGS]` is what the script written by
`write_carla_root` runs. The word CarlaUE4 stays on the command line so that `pkill -f CarlaUE4` finds the process,
and the flags stay for scripts that look for `graphicsadapter=1`.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from carla_server.__main__ import EXIT_USAGE, main
from carla_server.wire.layouts import DEFAULT_VERSION

PROGRAM = "CarlaUE4"

_RPC_PORT = ("carla-rpc-port", "carla-port", "carla-world-port", "world-port")
_STREAMING_PORT = "carla-streaming-port"
_WITHOUT_MEANING_HERE = frozenset(
    {
        *(
            "benchmark",
            "carla-server",
            "carla-settings",
            "d3d11",
            "d3d12",
            "dx11",
            "dx12",
            "fps",
            "fullscreen",
            "log",
        ),
        *("graphicsadapter", "log", "nohmd", "nosound", "nosplash", "nullrhi", "opengl", "opengl3", "opengl4"),
        *("prefernvidia", "quality-level", "renderoffscreen", "resx", "resy", "sm5", "stdout", "unattended"),
        *("quality", "usefixedtimestep", "vulkan", "windowed"),
    }
)
"""Flags of CARLA or Unreal that choose what this server has no choice of, or that are read with others."""

_SCRIPT = """#!/bin/sh
# Starts SynDiff-AD's embedded server, which speaks CARLA {version}'s protocol, with CARLA's command line.
exec {python} -m carla_server.launcher {options}{program} "$@"
"""

_NOTE = """This folder looks like a CARLA {version} installation to scripts that start CARLA by themselves, and runs
SynDiff-AD's embedded server instead. It holds no part of CARLA: the Python client comes from PyPI
(pip install carla=={version}), the `agents` package from a CARLA checkout if a script needs it.
"""


def translate(flags: Sequence[str]) -> tuple[list[str], list[str]]:
    """Turn CARLA's command line into ours.

    Args:
        flags: e.g. `["Town01", "-carla-rpc-port=2010", "-RenderOffScreen"]`; case does not matter, as in Unreal.

    Returns:
        Options of `python -m carla_server`, and the flags that are ignored because nobody here knows them.
    """
    options: list[str] = []
    unknown: list[str] = []
    given = {}
    for flag in flags:
        name, _, value = flag.lstrip("-").partition("=")
        key = name.lower()
        if not flag.startswith("-"):
            if flag != PROGRAM:
                options += ["--map", flag.rstrip("/").rsplit("/", 1)[-1]]
        elif key in _RPC_PORT:
            options += ["--port", value]
        elif key == _STREAMING_PORT:
            options += ["--streaming-port", value]
        elif key in _WITHOUT_MEANING_HERE:
            given[key] = value
        else:
            unknown.append(flag)
    if "nullrhi" in given:
        options.append("--no-rendering")
    if given.get("fps") and ("benchmark" in given or "usefixedtimestep" in given):
        options += ["--fixed-delta-s", str(1.0 / float(given["fps"]))]
    return options, unknown


def run(arguments: Sequence[str]) -> int:
    """Start the server; returns its exit code."""
    at = arguments.index(PROGRAM) if PROGRAM in arguments else 0
    try:
        options, unknown = translate(arguments[at:])
    except (ValueError, ZeroDivisionError):
        print(f"{PROGRAM}: -fps must be a positive number", file=sys.stderr)
        return EXIT_USAGE
    for flag in unknown:
        print(f"{PROGRAM}: ignoring {flag}: this server does not know it", file=sys.stderr)
    return main([*arguments[:at], *options])


def write_carla_root(directory: Path, options: Sequence[str] = ()) -> Path:
    """Write a folder that scripts can take for CARLA's.

    Args:
        directory: made if it is missing; to be used as `CARLA_ROOT`.
        options: of `python -m carla_server`, for every start.

    Returns:
        The script in it that starts the server.

    Raises:
        FileExistsError: the folder holds a CarlaUE4.sh that is not ours, probably a real CARLA.
    """
    script = directory / f"{PROGRAM}.sh"
    if script.exists() and "carla_server.launcher" not in script.read_text(encoding="utf-8", errors="replace"):
        raise FileExistsError(f"{script} exists and is not ours; choose another folder than a real CARLA's")
    python_api = directory / "PythonAPI" / "carla"
    python_api.mkdir(parents=True, exist_ok=True)
    note = _NOTE.format(version=DEFAULT_VERSION)
    (directory / "README.txt").write_text(note, encoding="utf-8")
    (python_api / "README.txt").write_text(note, encoding="utf-8")
    (directory / "VERSION").write_text(f"{DEFAULT_VERSION}\n", encoding="utf-8")
    quoted = "".join(f"{shlex.quote(option)} " for option in options)
    text = _SCRIPT.format(
        version=DEFAULT_VERSION, python=shlex.quote(sys.executable), options=quoted, program=PROGRAM
    )
    script.write_text(text, encoding="utf-8")
    script.chmod(0o755)
    return script


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
