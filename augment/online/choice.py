"""Names of synthesizers in the loop, as environments and commands take them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from augment.synthesizers.base import Synthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer

OnlineSynthesizer = Literal["procedural", "embedded", "embedded-m", "translator", "relight"]
OnlineBackend = Literal["torch", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"]


def make_online_synthesizer(
    name: str,
    backend: str = "onnxruntime",
    weights: str | Path | None = None,
    batch_size: int = 1,
    threads: int = 2,
    lanes: int = 1,
) -> Synthesizer:
    """The synthesizer of that name; `relight` has to be made where the simulator is.

    Args:
        name: `procedural`, `embedded`, `embedded-m` or `translator`.
        backend: what runs a network.
        weights: folder of the network; None takes the shipped one of `embedded`.
        batch_size: frames that a network takes at a time.
        threads: CPU threads of a network; more than there are idle cores slow it down many times.
        lanes: frames that come together; with several, a thread takes a frame where the back end allows it.

    Raises:
        ValueError: an unknown name, weights where none are used, or none where they are needed.
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
            raise ValueError("weights are for synthesizer='embedded' or 'translator'; procedural weather has none")
        return ProceduralSynthesizer()
    folder = network_folder(name, weights)
    # Networks and their back ends take seconds to import, which whoever chooses another does not wait for.
    from augment.export.backends import SIDE_BY_SIDE, open_embedded, open_translator

    open_network = open_translator if name == "translator" else open_embedded
    cache = None if backend == "torch" else Path.home() / ".cache" / "syndiff-ad" / "export"
    return open_network(
        folder,
        backend,  # type: ignore[arg-type]
        cache=cache,
        threads=threads,
        batch_size=batch_size,
        frames_at_once=min(threads, lanes) if backend in SIDE_BY_SIDE else 1,
    )


def network_folder(name: str, weights: str | Path | None) -> Path:
    """Folder of the network that `name` runs with these weights.

    Raises:
        ValueError: a translator without weights, for none is shipped; weights for `embedded-m`.
    """
    if weights is not None:
        if name == "embedded-m":
            raise ValueError(f"synthesizer 'embedded-m' is a shipped network; to run {weights} take 'embedded'")
        return Path(weights)
    if name == "translator":
        raise ValueError("synthesizer 'translator' needs weights: a folder that `syndiff train-translator` wrote")
    from augment.synthesizers.embedded import default_embedded_folder

    return default_embedded_folder("embedded-m" if name == "embedded-m" else "embedded")
