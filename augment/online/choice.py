"""Names of synthesizers in the loop, as environments and commands take them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from augment.synthesizers.base import Synthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer

OnlineSynthesizer = Literal["procedural", "embedded", "relight"]
OnlineBackend = Literal["torch", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"]


def make_online_synthesizer(
    name: str, backend: str = "onnxruntime", weights: str | Path | None = None, batch_size: int = 1, threads: int = 2
) -> Synthesizer:
    """The synthesizer of that name; `relight` has to be made where the simulator is.

    Args:
        name: `procedural` or `embedded`.
        backend: what runs the embedded network.
        weights: folder of the embedded network; None takes the shipped one.
        batch_size: frames that the embedded network takes at a time.
        threads: CPU threads of the embedded network; more than there are idle cores slow it down many times.

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
    return _embedded(backend, weights, batch_size, threads)


def _embedded(backend: str, weights: str | Path | None, batch_size: int, threads: int) -> Synthesizer:
    # Networks and their back ends take seconds to import, which whoever chooses another does not wait for.
    from augment.export.backends import open_embedded
    from augment.synthesizers.embedded import default_embedded_folder

    folder = default_embedded_folder() if weights is None else Path(weights)
    cache = None if backend == "torch" else Path.home() / ".cache" / "syndiff-ad" / "export"
    return open_embedded(
        folder,
        backend,  # type: ignore[arg-type]
        cache=cache,
        threads=threads,
        batch_size=batch_size,
    )
