"""`syndiff synthesize`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from syndiff.commands.export_engine import PrecisionName

BackendName = Literal["torch", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"]
SynthesizerName = Literal["embedded", "embedded-m", "translator", "diffusion", "procedural", "relight"]


@dataclass(frozen=True)
class Synthesize:
    """Show recorded frames under other conditions and add the variants, with their provenance, to the store."""

    data: Path
    """Store with recorded frames, or a plan file written by `syndiff plan`. Killed at any time, the same command
    goes on."""
    conditions: tuple[str, ...] = ()
    """Target conditions, e.g. rain-night clear-night fog-day; a plan has its own."""
    synthesizer: SynthesizerName = "embedded"
    """embedded: our own small ControlNet. embedded-m: a larger one, twice the time.
    procedural: depth- and label-aware weather, no weights.
    translator: a network distilled by `syndiff train-translator`. diffusion: a public model, see --preset.
    relight: the simulator's own pictures, where `record --pairs` has stored them."""
    weights: Path | None = None
    """Folder of a ControlNet written by `syndiff train-controlnet`; the shipped one if absent.
    translator: its folder. diffusion: a folder with one subfolder per part of the preset."""
    backend: BackendName = "torch"
    """What runs a network of one step. onnxruntime and openvino are faster on CPUs; their graph is exported at the
    first use, in half a minute. The TensorRTs need an NVIDIA GPU."""
    precision: PrecisionName = "fp32"
    """diffusion: of the weights, fp16 and bf16 on accelerators. Networks of one step: bf16 by openvino where the CPU
    has it, fp16 and bf16 by the TensorRTs."""
    export_cache: Path = Path("runs/exported")
    """Where graphs and engines are kept for the next use."""
    exported: Path | None = None
    """A graph or an engine that `syndiff export-engine` has written, instead of one from the cache."""
    preset: str | None = None
    """diffusion: which public model; `syndiff presets` lists them and says what to download."""
    controls: tuple[Literal["seg", "depth", "edge"], ...] = ()
    """diffusion: what of the source the network follows; the preset's own choice if absent."""
    controlnet: Path | None = None
    """diffusion: folder written by `syndiff finetune-controlnet`, in place of the preset's ControlNet for labels."""
    steps: int | None = None
    """diffusion: denoising steps; the preset's own number if absent."""
    strength: float | None = None
    """diffusion: how much of the source picture is noised away, up to 1; the preset's own if absent."""
    working_height_px: int | None = None
    """diffusion: height at which the network works; the preset's own if absent."""
    device: str = "cpu"
    """Of a diffusion preset, and of the model that --captions names: cpu, cuda, cuda:1, ..."""
    source: str = "clear-day"
    """Condition of the frames to start from; a plan has its own."""
    split: str = "train"
    """Only routes of this split; a plan has its own."""
    every: int = 1
    """Take every n-th of them."""
    variants: int = 1
    """Variants of each frame and condition, with different seeds."""
    seed: int = 0
    """Seeds of all variants are derived from it, the frame and the condition; a plan has its own."""
    protect: bool = True
    """Keep traffic lights, signs, lane paint and people in what networks make, relit to the variant."""
    drawn_rain: Literal["embedded", "networks", "none"] = "embedded"
    """Whose variants in rain get what networks of one step cannot make: puddles that mirror the street, still in the
    world where pose and camera are known, and thin streaks before everything. embedded: that network's and
    embedded-m's, which then draw no streaks of their own. networks: puddles also on those of translators and of
    diffusion presets. none: rain as the network makes it."""
    guard: Literal["networks", "all", "none"] = "networks"
    """Whose variants are judged, and only kept if the guard accepts them; the simulator's own (relight) never are."""
    flicker: bool = True
    """Where variants are judged: judge also the change from one frame of a drive to the next, against the variant
    kept for the frame before. Such frames stay in one --shard."""
    retries: int = 2
    """Further attempts, each with another seed, at a variant that the guard rejects."""
    fallback: Literal["reject", "procedural"] = "reject"
    """What becomes of variants that the guard rejects at every attempt. reject: a recorded failure. procedural: made
    by that synthesizer, judged too, and stored under its name."""
    adapted: Path | None = None
    """Folder written by `syndiff adapt`: its generator (for embedded), and its models for the guard."""
    allow_uncalibrated: bool = False
    """Go on with a store whose look the models never saw; every variant is marked."""
    captions: str = "labels"
    """What describes frames to synthesizers that read words. labels: counts and places from the recorded labels,
    where things that touch count as one.
    Otherwise a vision-language model of the LLaVA class: its folder, or its name in the local cache."""
    batch: int = 1
    """Variants that go through the synthesizer at once. Part of what makes a network's variants repeatable to the
    bit: resume with the same number."""
    workers: int = 1
    """Processes that make variants; one process writes them."""
    shard: str = "1/1"
    """Make the k-th of n shares, e.g. 2/4, into a folder of its own (--part), beside other shards; then --merge."""
    part: Path | None = None
    """Folder for the variants of a shard; default: beside the store, named after the shard."""
    merge: tuple[Path, ...] = ()
    """Take these parts (all shards of one job) into the store, in the order of one job; nothing is made."""
    stores: tuple[Path, ...] = ()
    """Where the plan's stores are now, in its order, if they were moved."""
    retry_failed: bool = False
    """Try again what an earlier run recorded as failed."""
    threads: int = 2
    """CPU threads of each process; part of what makes variants repeatable to the bit."""

    def run(self) -> int:
        from syndiff.synthesis import run_synthesis

        return run_synthesis(self)
