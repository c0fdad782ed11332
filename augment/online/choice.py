"""Names of synthesizers in the loop, as environments and commands take them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from augment.synthesizers.base import Synthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer

OnlineSynthesizer = Literal["procedural", "embedded", "relight"]
OnlineBackend = Literal["torch", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"]


def make_online_synthesizer(
    name: str, backend: str = "onnxruntime", weights: str | Path | None = None, batch_size: int = 1
) -> Synthesizer:
    """The synthesizer of that name; `relight` has to be made where the simulator is.

    Args:
        name: `procedural` or `embedded`.
        backend: what runs the embedded network.
        weights: folder of the embedded network; None takes the shipped one.
        batch_size: frames that the embedded network takes at a time.

    Raises:
        ValueError: an unknown name, or weights where none are used.
    """
    if name not in get_args(OnlineSynthesizer):
        raise ValueError(f"synthesizer is {name!r}, allowed {', '.join(get_args(OnlineSynthesizer))}")
    if name == "relight":
        raise ValueError(
            "relight asks the simulator about the frame that it has just sent: wrap each environment in "
            "AugmentObservation(synthesizer='relight') where it runs"
        )
    if name == "procedural":
        if weights is not None:
            raise ValueError("weights are for synthesizer='embedded'; procedural weather has none")
        return ProceduralSynthesizer()
    raise ValueError("the embedded network has no weights in this version; choose procedural or relight")
