"""The one place where a synthesizer gets its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from augment.export.backends import open_embedded, open_translator
from augment.online.choice import network_folder
from augment.synthesizers.base import Synthesizer
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.relight import RelightSynthesizer, StoredTruth
from carla_agents.data.store import Store
from syndiff.commands.export_engine import PrecisionName
from syndiff.commands.synthesize import BackendName, Synthesize, SynthesizerName

if TYPE_CHECKING:
    from syndiff.preset_choice import PresetChoice


def make_synthesizer(
    kind: str,
    weights: Path | None = None,
    store: Path | None = None,
    *,
    backend: BackendName = "torch",
    precision: PrecisionName = "fp32",
    threads: int = 2,
    export_cache: Path | None = None,
    exported: Path | None = None,
    preset: PresetChoice | None = None,
    streaks: bool = True,
) -> Synthesizer:
    """The synthesizer of that name: every command's `--synthesizer` ends here.

    Args:
        kind: the name.
        weights: folder of its network, where it has one; None takes the shipped one.
        store: where the frames are; `relight` looks its pictures up there.
        backend, precision, threads, export_cache, exported: what runs a network of one step, see
            `augment.export.backends.open_step`.
        preset: which public model `diffusion` is.
        streaks: False tells `embedded` to draw no falling rain; others pay no attention.

    Raises:
        ValueError: unknown name, weights are missing, or given where none are used.
    """
    check_weights(kind, weights)
    if kind not in ("embedded", "embedded-m", "translator") and (backend, precision, exported) != (
        "torch",
        "fp32",
        None,
    ):
        raise ValueError(
            "--backend, --precision and --exported are for networks of one step (embedded, embedded-m, translator), "
            f"not {kind}"
        )
    if kind == "procedural":
        return ProceduralSynthesizer()
    if kind == "relight":
        if store is None:
            raise ValueError("relight looks up what the simulator made while recording: it needs a store")
        return RelightSynthesizer(StoredTruth(Store.read(store)))
    if kind in ("embedded", "embedded-m"):
        return open_embedded(
            network_folder(kind, weights),
            backend,
            cache=export_cache,
            exported=exported,
            precision=precision,
            threads=threads,
            streaks=streaks,
        )
    if kind == "translator":
        if weights is None:
            raise ValueError("--synthesizer translator needs --weights; `syndiff train-translator` writes them")
        return open_translator(
            weights, backend, cache=export_cache, exported=exported, precision=precision, threads=threads
        )
    if kind == "diffusion":
        if preset is None:
            raise ValueError("--synthesizer diffusion needs --preset; `syndiff presets` lists them")
        from syndiff.preset_choice import preset_synthesizer  # pulls in diffusers' pipelines

        return preset_synthesizer(preset, weights)
    raise ValueError(f"unknown synthesizer {kind!r}; known are {', '.join(get_args(SynthesizerName))}")


def check_weights(kind: str, weights: Path | None) -> None:
    """Check that weights are given where they are needed, and only there.

    Raises:
        ValueError: they are missing, or would not be used.
    """
    if kind in ("procedural", "relight") and weights is not None:
        raise ValueError(f"--weights is for synthesizers with a network; {kind} has none")


def preset_choice(options: Synthesize) -> PresetChoice | None:
    """The public model that the options name, if they name one.

    Raises:
        ValueError: options of public models without one.
    """
    chosen = {
        "controls": options.controls or None,
        "steps": options.steps,
        "strength": options.strength,
        "working_height_px": options.working_height_px,
        "controlnet": options.controlnet,
    }
    if options.synthesizer != "diffusion":
        given = [name for name, value in {"preset": options.preset, **chosen}.items() if value is not None]
        if given:
            raise ValueError(
                f"--{given[0].replace('_', '-')} is for --synthesizer diffusion, not {options.synthesizer}"
            )
        return None
    if options.preset is None:
        raise ValueError("--synthesizer diffusion needs --preset; `syndiff presets` lists them")
    from augment.synthesizers.preset_pipelines import Placement
    from syndiff.preset_choice import PresetChoice

    return PresetChoice(options.preset, Placement(options.device, options.precision), **chosen)  # type: ignore[arg-type]
