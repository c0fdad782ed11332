"""`StepModel`: what the exporter and the back ends know of a kind of network of one step, picture to picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from augment.export import embedded_graph, translator_graph
from augment.export.onnx_graph import GraphSource, Precision


@dataclass(frozen=True)
class StepModel:
    """What must be known of a kind of network; all of them have the signature of `EmbeddedStep.forward`.

    Attributes:
        kind: of its graphs; part of file names and cache keys.
        graph: reads a folder of weights, ready for `export_graph`.
        step: reads a folder of weights, ready for torch, in a precision.
    """

    kind: str
    graph: Callable[[Path, Precision], GraphSource]
    step: Callable[[Path, Precision], torch.nn.Module]


EMBEDDED = StepModel(embedded_graph.KIND, embedded_graph.embedded_graph, embedded_graph.embedded_step)
TRANSLATOR = StepModel(translator_graph.KIND, translator_graph.translator_graph, translator_graph.translator_step)
