"""Offline synthesis that is killed again and again ends with the bytes of a job that nobody disturbed.

A store of drawn scenes is synthesized once in peace, and once by jobs that get SIGKILL at random moments and are
started again. Compared are every file of the variants, and the variants' records in the index, in their order. With
`--workers` the variants are made by processes that die with the job. With `--flicker` each is compared with the one
of the frame before, and made again where it changes more than the source.

    python -m benchmarks.synthesis_resume --frames 1000 --kills 20
"""

from __future__ import annotations

import argparse
import functools
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from augment.conditions import DOMINANT, Condition
from augment.synthesize import LocalEngine, SynthesizeConfig, plan_variants, synthesize
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.variant_maker import VariantMaker
from augment.worker_pool import WorkerPool
from benchmarks.stopwatch import machine_line
from carla_agents.data.check import check_store
from carla_agents.data.index import pack_record, read_index
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.frame import Command, Control, Frame

SIZE_PX = (160, 96)
CONFIG = SynthesizeConfig(conditions=("rain-night",), seed=17)
CAMERA = CameraSpec(width_px=SIZE_PX[0], height_px=SIZE_PX[1])
MOST_FLICKER = 0.02
"""Far below the guard's own limit, so that some variants are made again and some are given up."""
_DIFFERENT_SCENES = 50


def record(root: Path, frames: int) -> None:
    """A route of drawn scenes; each is shown again, a little darker every time."""
    scenes = drawn_scenes(min(frames, _DIFFERENT_SCENES), SIZE_PX, DOMINANT)
    depth_m = scenes.depth_m
    assert depth_m is not None  # noqa: S101 - drawn scenes have depth
    with StoreWriter.open(root) as store:
        store.begin_route("r0", metadata={"camera": asdict(CAMERA)})
        for number in range(frames):
            scene, turn = number % len(scenes), number // len(scenes)
            frame = Frame(
                frame_id=number,
                elapsed_s=0.05 * number,
                rgb=np.maximum(scenes.rgb[scene], turn) - np.uint8(turn),
                seg=scenes.seg[scene],
                depth_m=depth_m[scene],
                instance=None,
                speed_mps=5.0,
                ego_to_world=np.eye(4),
                command=Command.LANE_FOLLOW,
                target_point_in_ego_m=np.array([10.0, 0.0], np.float32),
                control=Control(),
                condition=DOMINANT.name,
            )
            store.append("r0", frame)
        store.finish_route("r0")


@dataclass(frozen=True)
class Accepted:
    """What a guard says that judges flicker only."""

    accepted: bool = True
    reason: str = ""
    figures: dict[str, float] = field(default_factory=dict)


class AcceptAll:
    """Leaves the verdict to the comparison of frames."""

    def __init__(self) -> None:
        self.provenance: dict[str, Any] = {"guard": "flicker only"}

    def __call__(self, frames: FrameBatch, variants: np.ndarray, targets: list[Condition]) -> list[Accepted]:
        return [Accepted() for _ in variants]


def make_maker(flicker: bool) -> VariantMaker:
    guard = AcceptAll() if flicker else None
    return VariantMaker(ProceduralSynthesizer(), guard=guard, marks={"job_seed": CONFIG.seed})


def run_job(root: Path, workers: int, flicker: bool) -> None:
    """The job; says `begun` when it is about to make variants."""
    most_flicker = MOST_FLICKER if flicker else None
    with StoreWriter.open(root) as store:
        tasks = plan_variants(store, CONFIG)
        if workers == 1:
            print("begun", flush=True)
            synthesize(store, store, tasks, LocalEngine(make_maker(flicker), store), most_flicker=most_flicker)
            return
        with WorkerPool(functools.partial(make_maker, flicker), root, workers) as pool:
            print("begun", flush=True)
            synthesize(store, store, tasks, pool, most_flicker=most_flicker)


def start(root: Path, workers: int, flicker: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.synthesis_resume", "--job", str(root), "--workers", str(workers)]
    return subprocess.Popen(command + ["--flicker"] * flicker, stdout=subprocess.PIPE, text=True)


def wait_for_begin(job: subprocess.Popen[str]) -> None:
    assert job.stdout is not None  # noqa: S101 - a pipe was asked for
    if job.stdout.readline().strip() != "begun":
        raise SystemExit(f"the job ended with status {job.wait()} before it began")


def digest(root: Path) -> tuple[str, int, int]:
    """Over variants' files and records; how many of each."""
    sums = sha256()
    files = sorted(root.rglob("variants/*"))
    for file in files:
        sums.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    records = [pack_record(r) for r in read_index(root / "index.log")[0] if r["kind"].startswith("variant")]
    sums.update(b"".join(records))
    return sums.hexdigest(), len(files), len(records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--flicker", action="store_true", help="judge flicker between consecutive frames")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job is not None:
        run_job(options.job, options.workers, options.flicker)
        return
    print(machine_line())
    with tempfile.TemporaryDirectory(prefix="synthesis-resume-") as folder:
        whole, killed = Path(folder, "whole"), Path(folder, "killed")
        for root in (whole, killed):
            record(root, options.frames)
        job = start(whole, options.workers, options.flicker)
        wait_for_begin(job)
        began = time.monotonic()
        if job.wait() != 0:
            raise SystemExit("the undisturbed job failed")
        whole_s = time.monotonic() - began
        print(f"undisturbed: {options.frames} variants of {SIZE_PX[0]}x{SIZE_PX[1]} in {whole_s:.1f} s")
        rng = random.Random(options.seed)
        left, torn = [], 0
        for _ in range(options.kills):
            job = start(killed, options.workers, options.flicker)
            wait_for_begin(job)
            time.sleep(rng.uniform(0.0, 1.6 * whole_s / (options.kills + 2)))
            job.send_signal(signal.SIGKILL)
            killed_it = job.wait() == -signal.SIGKILL
            torn += read_index(killed / "index.log")[2] > 0
            left.append(f"{len(Store.read(killed).variants())}{'' if killed_it else ' (done before)'}")
        print(f"variants there after each of {options.kills} kills: {' '.join(left)}; torn last lines: {torn}")
        job = start(killed, options.workers, options.flicker)
        wait_for_begin(job)
        if job.wait() != 0:
            raise SystemExit("the last job failed")
        expected, found = digest(whole), digest(killed)
        check_store(killed)
        same = "byte-identical" if expected == found else "DIFFERENT"
        print(f"{found[1]} files and {found[2]} records of variants: {same} ({found[0][:16]}, {expected[0][:16]})")
        if expected != found:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
