"""CARLA's command line in front of our server, and the folder that scripts take for CARLA's."""

import json
import os
import signal
import subprocess
import sys

import carla
import psutil
import pytest

from carla_server.launcher import translate, write_carla_root
from syndiff.cli import main as syndiff

USUAL = "-RenderOffScreen -nosound -opengl -vulkan -quality-level=Low -windowed -ResX=800 -ResY=600 -carla-server"


def test_the_usual_flags_are_taken_and_the_unknown_ones_named():
    options, unknown = translate(
        ["CarlaUE4", *USUAL.split(), "-prefernvidia", "-graphicsadapter=1", "--ros2", "-Xyz=3"]
    )
    assert options == []
    assert unknown == ["--ros2", "-Xyz=3"]


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        (["-carla-rpc-port=2010"], ["--port", "2010"]),
        (["-carla-port=2010"], ["--port", "2010"]),
        (["-world-port=2010"], ["--port", "2010"]),
        (["-carla-world-port=2010", "-carla-streaming-port=0"], ["--port", "2010", "--streaming-port", "0"]),
        (["/Game/Carla/Maps/Town01", "-nullrhi"], ["--map", "Town01", "--no-rendering"]),
        (["-benchmark", "-fps=20"], ["--fixed-delta-s", "0.05"]),
        (["-fps=20"], []),
        (["-RENDEROFFSCREEN", "-NoSound"], []),
    ],
)
def test_what_matters_here_becomes_an_option_of_ours(flags, options):
    assert translate(flags) == (options, [])


def test_a_script_that_starts_carla_by_itself_gets_our_server(tmp_path):
    root = tmp_path / "CARLA root"
    assert syndiff(["carla-root", str(root), "--seed", "5"]) == 0
    assert (root / "VERSION").read_text() == "0.9.16\n"
    assert (root / "PythonAPI" / "carla").is_dir()
    command = f'"{root}/CarlaUE4.sh" -carla-rpc-port=0 -nullrhi -nosound -graphicsadapter=0 -what=1'
    process = subprocess.Popen(  # noqa: S602  (as such scripts do)
        command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        ready = json.loads(process.stdout.readline())
        client = carla.Client("127.0.0.1", ready["rpc_port"])
        client.set_timeout(30.0)
        assert client.get_server_version() == "0.9.16"
        # What `pkill -f` looks at; the shell may have become the server or be its parent.
        started = psutil.Process(process.pid)
        lines = [" ".join(each.cmdline()) for each in (started, *started.children(recursive=True))]
        assert any("carla_server.launcher" in line and " CarlaUE4" in line for line in lines), lines
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert process.returncode in (0, -signal.SIGTERM)
        assert "ignoring -what=1" in errors
        assert "graphicsadapter" not in errors
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def test_a_wrong_port_and_a_real_carla_are_refused(tmp_path):
    script = write_carla_root(tmp_path / "root")
    done = subprocess.run([script, "-carla-rpc-port=many"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "many" in done.stderr
    real = tmp_path / "real"
    real.mkdir()
    (real / "CarlaUE4.sh").write_text("#!/bin/sh\n")
    with pytest.raises(FileExistsError, match="not ours"):
        write_carla_root(real)
    assert write_carla_root(tmp_path / "root").read_text().count(sys.executable) == 1
