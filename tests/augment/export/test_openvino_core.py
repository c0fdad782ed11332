"""What OpenVINO does to a whole process, see `augment/export/openvino_core.py`."""

import subprocess
import sys

import pytest

from tests.augment.export import use_openvino

pytestmark = pytest.mark.timeout(600)  # the first test may wait for the export, which is long on a busy machine


@pytest.mark.parametrize("use", use_openvino.USES)
def test_a_process_that_has_used_openvino_goes_on_and_handles_signals(use, tiny_graph):
    pytest.importorskip("openvino", reason="openvino is an extra")
    command = [sys.executable, "-m", use_openvino.__name__, str(tiny_graph.path), use]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "handled\n")
