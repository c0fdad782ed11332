"""How well a translator repeats its teacher on frames it has not seen, and what a variant costs.

    syndiff record ... (or benchmarks/segmentation_stores.py), then
    syndiff synthesize --data TRAIN --conditions rain-night --synthesizer procedural --every 3
    syndiff train-translator --data TRAIN --teacher procedural --conditions rain-night --steps 500 --out WEIGHTS
    python -m benchmarks.translator --weights WEIGHTS --data TEST --backend onnxruntime

Figures: mean absolute difference from the teacher's variant in grey levels (copying the source beside it), PSNR
against the teacher and, where the store has the true re-render, of both against that; CPU milliseconds per variant.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from augment.conditions import Condition
from augment.export.backends import open_translator
from augment.frame_loading import load_frames
from augment.seeds import derive_seed
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.translator import TranslatorSynthesizer
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.true_variants import true_variant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=24, help="spread evenly over the store")
    parser.add_argument("--backend", default="torch", choices=["torch", "onnxruntime", "openvino"])
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--export-cache", type=Path, default=Path("runs/exported"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    student = open_translator(
        options.weights, options.backend, cache=options.export_cache, precision=options.precision, threads=1
    )
    teacher = ProceduralSynthesizer()
    found = Store.read(options.data).frames(condition=student.config.source)
    chosen = [found[i] for i in np.linspace(0, len(found) - 1, min(options.frames, len(found))).round().astype(int)]
    print(f"student {student.name}, teacher {teacher.name}, {len(chosen)} frames of {options.data.name}")
    for name in student.config.targets:
        print(
            f"{name}: " + ", ".join(f"{what} {value:.1f}" for what, value in figures(student, teacher, chosen, name))
        )


def figures(
    student: TranslatorSynthesizer, teacher: ProceduralSynthesizer, chosen: list[StoredFrame], name: str
) -> list[tuple[str, float]]:
    target = Condition.parse(name)
    rows = []
    for frame in chosen:
        batch = load_frames([frame])
        seeds = np.array([derive_seed("translator benchmark", frame.key, name)], np.uint64)
        began = time.process_time()
        taught = teacher(batch, [target], seeds)[0]
        between = time.process_time()
        made = student(batch, [target], seeds)[0]
        ended = time.process_time()
        true = true_variant(frame, name)
        rgb = None if true is None else true.load_rgb()
        rows.append(
            (
                _difference(made, taught),
                _difference(batch.rgb[0], taught),
                _psnr(made, taught),
                np.nan if rgb is None else _psnr(made, rgb),
                np.nan if rgb is None else _psnr(taught, rgb),
                1e3 * (ended - between),
                1e3 * (between - began),
            )
        )
    table = np.array(rows)
    columns = (
        "difference from teacher",
        "of the source from it",
        "PSNR to teacher dB",
        "to the true re-render dB",
        "teacher's dB",
        "student CPU ms",
        "teacher CPU ms",
    )
    middles = [*table[:, :5].mean(axis=0), *np.median(table[:, 5:], axis=0)]
    return list(zip(columns, map(float, middles), strict=True))


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return 10.0 * np.log10(255.0**2 / max(error, 1e-9))


if __name__ == "__main__":
    main()
