"""`openvino_core`: the one OpenVINO core of this process, and why there is only one."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

import numpy as np

_OPENING = Lock()


def openvino_core() -> Any:
    """The `openvino.Core` that all networks of this process share; it lives until the process ends.

    Two faults of OpenVINO (seen with 2026.4.1 under Linux) are why it is shared and has calculated once:

    * Its CPU plugin gives the thread that opens a core another stack for signal handlers, and unmaps it with the
      core. The stack from before comes back only if no other core was opened meanwhile and the thread is the same.
      Otherwise a stack without memory remains: the next signal that Python handles, a time limit or Ctrl-C, is a
      segmentation fault that no handler and no kernel log reports, or it overwrites what lies there now.
    * Its first calculation fills a table and may give Python's lock away meanwhile. A second thread that calculates
      then waits for the table and keeps that lock, and both wait for ever.
    """
    with _OPENING:
        return _opened()


@cache
def _opened() -> Any:
    import openvino
    from openvino import opset13

    core = openvino.Core()
    number = opset13.parameter([1], np.float32)
    model = openvino.Model([opset13.relu(number)], [number])
    core.compile_model(model, "CPU").create_infer_request().infer({0: np.zeros(1, np.float32)})
    return core
