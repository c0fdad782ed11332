"""Opening OpenGL, and saying what to install when that fails."""

from __future__ import annotations

import subprocess
import sys

import pytest

from carla_server.render import context

PROGRAM = "carla_server.render.context"


def test_without_any_backend_the_error_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise RuntimeError("not on this machine")

    for name in ("_egl", "_system_osmesa", "_wheel_osmesa"):
        monkeypatch.setattr(context, name, absent)
    with pytest.raises(context.GLUnavailable, match="apt-get install libegl1 libgl1 libgl1-mesa-dri") as caught:
        context.open_context()
    assert "egl: not on this machine" in str(caught.value)
    assert "osmesa-wheel: not on this machine" in str(caught.value)


def test_run_as_a_program_it_names_what_draws() -> None:
    done = subprocess.run([sys.executable, "-m", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert " through " in done.stdout


def test_run_as_a_program_without_opengl_it_fails_and_names_the_packages() -> None:
    # What set-up and `syndiff doctor` rely on, on a machine that has no driver library to load.
    hidden = (
        "import runpy, moderngl\n"
        "def absent(**_): raise RuntimeError('no driver')\n"
        "moderngl.create_context = absent\n"
        f"runpy.run_module('{PROGRAM}', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "apt-get install libegl1" in done.stderr
