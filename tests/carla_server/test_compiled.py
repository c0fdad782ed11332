"""Where machine code is kept, and when it is made anew."""

import importlib.util
import itertools

import numpy as np
import pytest

HELPER = """
from carla_server.compiled import compiled

RISE = {rise}

@compiled
def raised(value):
    return value + RISE
"""
KERNEL = """
from numba import float64, void

from carla_server.compiled import kernel
from {helper} import raised

@kernel(void(float64[::1]))
def raise_all(values):
    for row in range(len(values)):
        values[row] = raised(values[row]) / 0.0 if values[row] < 0.0 else raised(values[row])
"""
_names = itertools.count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Writes a kernel that uses a function of another file and loads it as a new process would."""
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def write_and_load(rise):
        helper = f"helper_{next(_names)}_{tmp_path.name}"
        (folder / f"{helper}.py").write_text(HELPER.format(rise=rise))
        path = folder / "kernel_of_a_test.py"
        path.write_text(KERNEL.format(helper=helper))
        spec = importlib.util.spec_from_file_location("kernel_of_a_test", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.raise_all

    write_and_load.folder = folder
    return write_and_load


def run(kernel):
    values = np.array([1.0, 2.0])
    kernel(values)
    return values.tolist()


def test_machine_code_is_made_once_and_then_loaded(load, capsys):
    assert run(load(2.0)) == [3.0, 4.0]
    assert "compiling raise_all" in capsys.readouterr().err
    assert run(load(2.0)) == [3.0, 4.0]
    assert capsys.readouterr().err == ""


def test_a_changed_constant_of_another_file_is_noticed(load):
    assert run(load(2.0)) == [3.0, 4.0]
    assert run(load(5.0)) == [6.0, 7.0]


def test_where_the_code_lies_in_a_folder_that_cannot_be_written_to_the_users_cache_serves(load, tmp_path, capsys):
    (load.folder / "__pycache__").write_text("a file in the folder's place")
    assert run(load(2.0)) == [3.0, 4.0]
    assert list((tmp_path / "home" / ".cache" / "syndiff-ad" / "compiled").iterdir())
    capsys.readouterr()
    assert run(load(2.0)) == [3.0, 4.0]
    assert capsys.readouterr().err == ""


def test_without_any_cache_it_compiles_and_says_so(load, tmp_path, capsys):
    (load.folder / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    assert run(load(2.0)) == [3.0, 4.0]
    assert "every start compiles anew" in capsys.readouterr().err


def test_a_damaged_cache_is_named_and_left_aside(load, capsys):
    run(load(2.0))
    for path in load.folder.rglob("*.nbi"):
        path.write_bytes(path.read_bytes()[:10])
    assert run(load(2.0)) == [3.0, 4.0]
    assert "of no use as a cache" in capsys.readouterr().err


def test_other_arguments_than_the_signature_names_are_refused(load):
    with pytest.raises(TypeError):
        load(2.0)(np.zeros(4, np.float32))


def test_a_division_by_zero_does_not_leave_the_loop_halfway(load):
    values = np.array([-1.0, 1.0])
    load(2.0)(values)
    assert values.tolist() == [float("inf"), 3.0]
