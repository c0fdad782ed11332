"""`translator_graph`: the whole step of a distilled translator as one graph, from a picture to a picture."""

from __future__ import annotations

from pathlib import Path

from augment.export.embedded_graph import INPUTS, example_inputs
from augment.export.onnx_graph import DTYPES, GraphSource, Precision
from augment.synthesizers.small_controlnet import weights_hash
from augment.synthesizers.translator import TranslatorStep

KIND = "translator-step"


def translator_graph(folder: Path, precision: Precision = "fp32") -> GraphSource:
    """The step with the weights of `folder`, ready for `export_graph`; inputs and output are 32-bit floats.

    Raises:
        ValueError: the folder holds something else.
    """
    reference = TranslatorStep.load(folder)
    return GraphSource(
        kind=KIND,
        module=reference if precision == "fp32" else translator_step(folder, precision),
        inputs=INPUTS,
        output="variant",
        example=example_inputs,
        reference=reference,
        size_multiple_px=reference.config.size_multiple_px,
        precision=precision,
        weights=weights_hash(folder),
    )


def translator_step(folder: Path, precision: Precision) -> TranslatorStep:
    """The step with its network in a precision.

    Raises:
        ValueError: the folder holds something else.
    """
    return TranslatorStep.load(folder).to(DTYPES[precision])
