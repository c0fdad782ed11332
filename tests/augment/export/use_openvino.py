"""Uses OpenVINO as one test wants it, and then lets Python handle a signal.

A program of its own, as what goes wrong ends the process or hangs it. Arguments: a graph in 32 bits, one of `USES`.
"""

import faulthandler
import gc
import signal
import sys
import threading
from pathlib import Path

import numpy as np

from augment.export.embedded_graph import example_inputs
from augment.export.onnx_graph import OnnxGraph, PictureShape
from augment.export.openvino_step import OpenVinoStep

HANGS_AFTER_S = 120.0


def free_the_first_first(graph: OnnxGraph) -> None:
    steps = [OpenVinoStep(graph, 1, "fp32") for _ in range(2)]
    while steps:
        del steps[0]


def free_in_another_thread(graph: OnnxGraph) -> None:
    steps = [OpenVinoStep(graph, 1, "fp32") for _ in range(2)]
    thread = threading.Thread(target=steps.clear)
    thread.start()
    thread.join()


def begin_side_by_side(graph: OnnxGraph) -> None:
    count = 3
    give_other_threads_time()
    step = OpenVinoStep(graph, count, "fp32", frames_at_once=count)
    arrays = {name: tensor.numpy() for name, tensor in example_inputs(PictureShape(1, 48, 64), 7).items()}
    together = threading.Barrier(count)

    def calculate() -> None:
        together.wait()
        step(**arrays)

    threads = [threading.Thread(target=calculate) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def give_other_threads_time() -> None:
    """Lengthen the moment in which OpenVINO's table is half full: it makes an object of this class then."""
    make = np.lib.NumpyVersion.__init__

    def make_slowly(self, text: str) -> None:
        make(self, text)
        threading.Event().wait(0.5)

    np.lib.NumpyVersion.__init__ = make_slowly


USES = {use.__name__: use for use in (free_the_first_first, free_in_another_thread, begin_side_by_side)}

if __name__ == "__main__":
    faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
    USES[sys.argv[2]](OnnxGraph.read(Path(sys.argv[1])))
    gc.collect()
    signal.signal(signal.SIGALRM, lambda *_: print("handled"))
    signal.raise_signal(signal.SIGALRM)
