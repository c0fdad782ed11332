"""ControlNet and UNet in the shape of Stable Diffusion 1.5, random weights, as one graph and as engines.

Without options: the tiny configuration (goal: error at most 1e-5 in fp32) and its TensorRT-RTX engine. `--full` adds
the whole size at 512x512: error of the graph in fp32 (goal 1e-3; needs 18 GB of free memory) and the TensorRT-RTX
engine in fp16 (needs 9 GB). Where a GPU is at hand, `--full` prints images per second of torch, compiled torch and
engines at 30, 4 and 1 steps, beside the floor: operations over the GPU's measured peak.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from augment.export.engine import Builder, Engine, EngineShapes, build_engine
from augment.export.engine_session import EngineSession
from augment.export.fused_controlnet import fused_graph
from augment.export.onnx_graph import GraphSource, OnnxGraph, PictureShape, Precision, export_graph
from augment.export.parity import check_parity, export_checked
from augment.export.sidecar import ExportError
from benchmarks.stopwatch import machine_line

FULL_SHAPE = PictureShape(1, 512, 512)
PARITY_GB, ENGINE_GB = 18.0, 11.0
STEPS = (30, 4, 1)
GOAL_IMAGES_PER_S_AT_4 = 100.0
Pass = Callable[[dict[str, torch.Tensor]], torch.Tensor]


def networks(full: bool, dtype: torch.dtype) -> tuple[UNet2DConditionModel, ControlNetModel]:
    """UNet and ControlNet of random weights."""
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        if full:
            unet = UNet2DConditionModel(cross_attention_dim=768)  # diffusers' defaults are those of version 1.5
            controlnet = ControlNetModel.from_unet(unet)
        else:
            unet = UNet2DConditionModel(
                block_out_channels=(32, 64),
                layers_per_block=1,
                down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
                cross_attention_dim=32,
            )
            controlnet = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
    finally:
        torch.set_default_dtype(default)
    for parameter in controlnet.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return unet, controlnet


def free_gb() -> float:
    """Memory that processes can still have."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("MemAvailable")) / 1e6


def tiny(folder: Path) -> bool:
    """Parity and engine of the tiny configuration; whether the goal is met."""
    source = fused_graph(*networks(False, torch.float32), "fp32", "random")
    began = time.perf_counter()
    shapes = (PictureShape(1, 128, 256), PictureShape(3, 144, 256), PictureShape(2, 64, 112))
    graph, report = export_checked(source, folder / "graph.onnx", shapes)
    print(f"tiny: exported and compared in {time.perf_counter() - began:.0f} s")
    met = report.max_abs <= 1e-5
    for case in report.cases:
        print(f"tiny fp32 {case.shape}: error at most {case.max_abs:.1e}, mean {case.mean_abs:.1e}")
    print(f"tiny fp32: goal 1e-5: {'met' if met else 'missed'}")
    build(graph, folder / "step.engine", "tensorrt-rtx", EngineShapes((1, 1, 4), (64, 144, 256), (112, 256, 512)))
    return met


def build(graph: OnnxGraph, path: Path, builder: Builder, shapes: EngineShapes) -> bool:
    """Build an engine and print what it took; whether it was possible."""
    began, cpu = time.perf_counter(), time.process_time()
    try:
        engine = build_engine(graph, path, builder, shapes)
    except ExportError as error:
        print(f"{builder} {graph.precision}: not built: {error}")
        return False
    print(
        f"{engine.builder} {engine.builder_version} {graph.precision}: engine for {shapes} built in "
        f"{time.perf_counter() - began:.0f} s (CPU {time.process_time() - cpu:.0f} s), "
        f"{path.stat().st_size / 1e6:.1f} MB"
    )
    return True


def full_source(precision: Precision, dtype: torch.dtype) -> GraphSource:
    return fused_graph(*networks(True, dtype), precision, "random")


def full_parity(folder: Path) -> bool:
    """Error of the whole size in fp32; whether the goal is met or nothing was run."""
    if free_gb() < PARITY_GB:
        print(f"full fp32 parity: not run: {free_gb():.0f} GB of memory are free, it needs {PARITY_GB:.0f}")
        return True
    source = full_source("fp32", torch.float32)
    began = time.perf_counter()
    graph = export_graph(source, folder / "graph.onnx")
    print(f"full fp32: exported in {time.perf_counter() - began:.0f} s")
    report = check_parity(source, graph, [FULL_SHAPE])
    print(
        f"full fp32 {FULL_SHAPE}: error at most {report.max_abs:.1e} (goal 1e-3: "
        f"{'met' if report.within_limit else 'missed'}), span {report.cases[0].span:.1f}"
    )
    return report.within_limit


def full_engine(folder: Path) -> OnnxGraph | None:
    """Graph and TensorRT-RTX engine of the whole size in fp16."""
    if free_gb() < ENGINE_GB:
        print(f"full fp16 engine: not built: {free_gb():.0f} GB of memory are free, it needs {ENGINE_GB:.0f}")
        return None
    began = time.perf_counter()
    graph = export_graph(full_source("fp16", torch.float16), folder / "graph.onnx")
    gc.collect()
    print(f"full fp16: exported in {time.perf_counter() - began:.0f} s")
    build(graph, folder / "tensorrt-rtx.engine", "tensorrt-rtx", EngineShapes((1, 1, 1), (512,) * 3, (512,) * 3))
    return graph


def gpu_rates(folder: Path, graph: OnnxGraph) -> None:
    """Images per second, decoding included, of every way to run the pass; one pass for each step (no guidance)."""
    source = full_source("fp16", torch.float16)
    module = source.module.to("cuda")
    decoder = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
    ).to("cuda", torch.float16)
    inputs = {name: tensor.to("cuda") for name, tensor in source.example(FULL_SHAPE, 0).items()}
    with torch.inference_mode():
        with FlopCounterMode(display=False) as pass_count:
            module(*inputs.values())
        with FlopCounterMode(display=False) as decode_count:
            decoder.decode(inputs["sample"])
        peak = peak_flops()
        print(f"GPU: {torch.cuda.get_device_name()}, measured peak {peak / 1e12:.0f} TFLOP/s in fp16")
        compiled = torch.compile(module)
        ways: dict[str, Pass] = {
            "eager": lambda given: module(*given.values()),
            "compiled": lambda given: compiled(*given.values()),
        }
        only: Builder
        for only in ("tensorrt", "tensorrt-rtx"):
            path = folder / f"{only}.engine"
            if only == "tensorrt" and not build(graph, path, only, EngineShapes((1, 1, 1), (512,) * 3, (512,) * 3)):
                continue
            try:
                ways[only] = EngineSession(Engine.read(path), cuda_graph=True)
            except ExportError as error:
                print(f"{only}: not run: {error}")
        rates: dict[tuple[str, int], float] = {}
        for steps in STEPS:
            floor_s = (steps * pass_count.get_total_flops() + decode_count.get_total_flops()) / peak
            for name, way in ways.items():
                rates[name, steps] = images_per_s(way, decoder, dict(inputs), steps)
                rate = rates[name, steps]
                print(
                    f"{name} at {steps} steps: {rate:.1f} images/s, {100 * rate * floor_s:.0f} % of the floor of "
                    f"{1 / floor_s:.1f}; {rate / rates['eager', steps]:.1f} x eager"
                )
        best = max(rate for (_, steps), rate in rates.items() if steps == 4)
        print(f"at 4 steps: {best:.0f} images/s, goal {GOAL_IMAGES_PER_S_AT_4:.0f} or half of the floor")


def images_per_s(way: Pass, decoder: AutoencoderKL, inputs: dict[str, torch.Tensor], steps: int) -> float:
    """From ten images after two that are not counted."""
    scheduler = DDIMScheduler()
    scheduler.set_timesteps(steps, device="cuda")
    started = 0.0
    for image in range(12):
        if image == 2:
            torch.cuda.synchronize()
            started = time.perf_counter()
        state = inputs["sample"]
        for timestep in scheduler.timesteps:
            given = {**inputs, "sample": state, "timestep": timestep.expand(len(state))}
            state = scheduler.step(way(given), timestep, state).prev_sample
        decoder.decode(state)
    torch.cuda.synchronize()
    return 10.0 / (time.perf_counter() - started)


def peak_flops() -> float:
    """Operations per second of a large product of matrices in fp16."""
    size, repeats = 8192, 20
    left = torch.randn(size, size, device="cuda", dtype=torch.float16)
    torch.mm(left, left)
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(repeats):
        torch.mm(left, left)
    torch.cuda.synchronize()
    return repeats * 2.0 * size**3 / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="also the whole size of Stable Diffusion 1.5")
    options = parser.parse_args()
    print(machine_line())
    with tempfile.TemporaryDirectory() as scratch:
        met = tiny(Path(scratch) / "tiny")
        if options.full:
            met &= full_parity(Path(scratch) / "fp32")
            gc.collect()
            graph = full_engine(Path(scratch) / "fp16")
            if not torch.cuda.is_available():
                print("images per second at 30, 4 and 1 steps: no GPU here: not run")
            elif graph is not None:
                gpu_rates(Path(scratch) / "fp16", graph)
        else:
            print("the whole size: not run: pass --full")
    if not met:
        raise SystemExit("a graph differs from torch by more than its goal")


if __name__ == "__main__":
    main()
