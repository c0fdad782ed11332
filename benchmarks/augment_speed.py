"""Time of one step of the embedded model at 256x144 by every back end, beside torch and albumentations, in one run.

Goals on two idle cores: onnxruntime fp32 at most 40 ms, openvino bf16 at most 20 ms where the CPU has it. Also:
whether every back end gives the same variant (1 LSB on 99.9 % of values), and, where a GPU is at hand, rates of
engines at 960x544 (960x540 made a multiple of 16) and for three cameras of 1024x512.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from augment.conditions import Condition
from augment.export.backends import open_embedded, open_step
from augment.export.embedded_graph import example_inputs
from augment.export.engine import EngineShapes
from augment.export.onnx_graph import PictureShape
from augment.export.sidecar import ExportError
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.embedded import default_embedded_folder
from augment.synthesizers.embedded_step import StepRunner
from augment.synthesizers.small_controlnet import SmallControlNet, SmallControlNetConfig, read_config
from benchmarks.stopwatch import machine_line

SHAPE = PictureShape(1, 144, 256)
GOALS_MS = {"onnxruntime": 40.0, "openvino-bf16": 20.0}
GPU_SHAPES = ((PictureShape(1, 544, 960), 100.0), (PictureShape(3, 512, 1024), 60.0))


def model_folder(wanted: Path | None, scratch: Path) -> Path:
    """The model to time: the one given, the shipped one, or one of random weights of the same size."""
    for folder in (wanted, default_embedded_folder()):
        if folder is not None and (folder / "config.json").is_file():
            return folder
    print("no weights are shipped: random ones of the same size, which run as fast")
    torch.manual_seed(0)
    network = SmallControlNet(SmallControlNetConfig(targets=("rain-night", "fog-day")))
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    network.save(scratch / "random-weights")
    return scratch / "random-weights"


def albumentations_weather() -> Callable[[np.ndarray], np.ndarray] | None:
    """Rain and fog of albumentations, or None if it is not installed."""
    try:
        import albumentations
    except ImportError:
        return None
    drawn = albumentations.Compose([albumentations.RandomRain(p=1.0), albumentations.RandomFog(p=1.0)])
    return lambda picture: drawn(image=picture)["image"]


def time_in_turn(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Wall and CPU milliseconds of each call; they take turns, so that what else runs here hits all alike."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in calls}
    for call in calls.values():
        call()
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            cpu, wall = time.process_time(), time.perf_counter()
            call()
            times[name][0].append(1e3 * (time.perf_counter() - wall))
            times[name][1].append(1e3 * (time.process_time() - cpu))
    return times


def time_on_cpu(folder: Path, cache: Path, threads: int, rounds: int) -> None:
    """Print one line for each back end."""
    inputs = {name: tensor.numpy() for name, tensor in example_inputs(SHAPE, 0).items()}
    runners: dict[str, StepRunner] = {}
    for backend, precision in (
        ("torch", "fp32"),
        ("onnxruntime", "fp32"),
        ("openvino", "fp32"),
        ("openvino", "bf16"),
    ):
        try:
            runner = open_step(folder, backend, cache=cache, precision=precision, threads=threads)  # type: ignore[arg-type]
        except ExportError as error:
            print(f"{backend} {precision}: not run: {error}")
            continue
        runners[runner.name] = runner
    calls: dict[str, Callable[[], object]] = {
        name: functools.partial(runner, **inputs) for name, runner in runners.items()
    }
    weather = albumentations_weather()
    if weather is None:
        print("albumentations rain+fog: not run: pip install albumentations==2.0.8 (the last under the MIT licence)")
    else:
        picture = np.round(inputs["rgb"][0].transpose(1, 2, 0) * 255.0).astype(np.uint8)
        calls["albumentations rain+fog"] = lambda: weather(picture)
    names = {"torch": "torch eager (diffusers)"}
    for name, (wall, cpu) in time_in_turn(calls, rounds).items():
        line = (
            f"{names.get(name, name):<24} wall {min(wall):6.1f} ms least, {np.median(wall):6.1f} median; "
            f"CPU {min(cpu):6.1f} least, {np.median(cpu):6.1f} median"
        )
        if name in GOALS_MS:
            line += f"; goal {GOALS_MS[name]:.0f} ms: {'met' if np.median(wall) <= GOALS_MS[name] else 'missed'}"
        print(line)


def compare_back_ends(folder: Path, cache: Path, threads: int) -> bool:
    """Print how equal the variants are; the result says whether all agree."""
    config = read_config(folder)
    targets = [Condition.parse(name) for name in config.targets][:4]
    frames = drawn_scenes(len(targets), (SHAPE.width_px, SHAPE.height_px), Condition.parse(config.source))
    seeds = np.arange(len(targets), dtype=np.uint64)
    expected = open_embedded(folder, "torch", threads=threads)(frames, targets, seeds).astype(np.int16)
    agreed = True
    for backend in ("onnxruntime", "openvino"):
        try:
            synthesizer = open_embedded(folder, backend, cache=cache, threads=threads)  # type: ignore[arg-type]
        except ExportError as error:
            print(f"{backend}: not compared: {error}")
            continue
        difference = np.abs(synthesizer(frames, targets, seeds).astype(np.int16) - expected)
        share = float((difference <= 1).mean())
        agreed &= share >= 0.999
        print(
            f"{backend} fp32 and torch: {100 * share:.3f} % of values within 1 LSB, at most {difference.max()} apart "
            f"(goal 99.9 %: {'met' if share >= 0.999 else 'missed'})"
        )
    return agreed


def time_on_gpu(folder: Path, cache: Path, rounds: int) -> None:
    """Print frames per second of torch and of engines in fp16."""
    if not torch.cuda.is_available():
        print("engines at 960x544 and 3 x 1024x512: no GPU here: not run")
        return
    print(f"GPU: {torch.cuda.get_device_name()}, torch {torch.__version__}")
    for shape, goal in GPU_SHAPES:
        inputs = {name: tensor.numpy() for name, tensor in example_inputs(shape, 0).items()}
        shapes = EngineShapes((shape.batch,) * 3, (shape.height_px,) * 3, (shape.width_px,) * 3)
        expected = open_step(folder, "torch", device="cuda")(**inputs)
        for backend in ("torch", "tensorrt", "tensorrt-rtx"):
            try:
                runner = open_step(
                    folder,
                    backend,  # type: ignore[arg-type]
                    cache=cache,
                    precision="fp16",
                    shapes=shapes,
                    device="cuda",
                    cuda_graph=backend != "torch",
                )
            except ExportError as error:
                print(f"{backend} fp16 {shape}: not run: {error}")
                continue
            difference = np.abs(runner(**inputs) - expected)
            wall, _ = time_in_turn({"": functools.partial(runner, **inputs)}, rounds)[""]
            rate = 1e3 / float(np.median(wall))
            print(
                f"{backend} fp16 {shape}: {rate:.0f} sets/s with copies to and from the GPU (goal {goal:.0f}: "
                f"{'met' if rate >= goal else 'missed'}); {100 * (difference <= 1 / 255).mean():.2f} % of values "
                "within 1 LSB of torch fp32"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="folder of a model; the shipped one if absent")
    parser.add_argument("--cache", type=Path, help="folder for graphs and engines; a temporary one if absent")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    print(machine_line())
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(options.weights, Path(scratch))
        cache = options.cache or Path(scratch) / "cache"
        time_on_cpu(folder, cache, options.threads, options.rounds)
        agreed = compare_back_ends(folder, cache, options.threads)
        time_on_gpu(folder, cache, options.rounds)
    if not agreed:
        raise SystemExit("back ends give different variants")


if __name__ == "__main__":
    main()
