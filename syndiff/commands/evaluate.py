"""`syndiff evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Evaluate:
    """Drive routes x conditions in closed loop and score them as the CARLA leaderboard does."""

    out: Path
    """Result file (JSON); an interrupted evaluation is continued."""
    policy: Path | None = None
    """Folder of a trained policy; without it the privileged expert drives."""
    agent: Path | None = None
    """Instead of a policy: Python file of an agent written for CARLA's Leaderboard."""
    agent_config: str = ""
    """Handed to the agent's setup."""
    agent_python: Path | None = None
    """Interpreter, or folder of an environment, in which the agent runs: an older Python with its own torch."""
    track: Literal["SENSORS", "MAP", "SENSORS_QUALIFIER", "MAP_QUALIFIER", "COLLECTION"] = "SENSORS"
    """Which sensors the agent may have."""
    interface: Literal["1.0", "2.x", "bench2drive"] = "2.x"
    """Whose conventions the agent follows."""
    blank_camera: bool = False
    """Control: the same policy sees only black."""
    routes: Path | None = None
    """Route file in the leaderboard's format; without it the shipped evaluation routes of the default town."""
    map_dir: Path | None = None
    """Folder of further OpenDRIVE maps for the embedded simulator, for routes in towns that are not shipped."""
    route_ids: tuple[int, ...] = ()
    """Only these routes; empty drives all."""
    conditions: tuple[str, ...] = ("clear-day",)
    """Weather and light; every route is driven in each."""
    repetitions: int = 1
    """How often each route is driven in each condition, with other traffic each time."""
    vehicles: int = 10
    """Other cars."""
    walkers: int = 0
    """People on the pavements."""
    pace: bool = False
    """Also compare the pace with the traffic's, in four parts of each route, as Leaderboard 2.0 does."""
    metric: Literal["1.0", "2.0", "2.1"] = "2.0"
    """Leaderboard formula of the headline; the file holds all three."""
    host: str = "127.0.0.1"
    """Address of a running CARLA 0.9.16; used with --port."""
    port: int | None = None
    """RPC port of a running CARLA 0.9.16; without it the embedded simulator is started."""
    augment: str | None = None
    """Show the driver this condition, e.g. rain-night, while the simulator shows the one of --conditions."""
    synthesizer: Literal["embedded", "embedded-m", "translator", "procedural", "relight"] = "embedded"
    """With --augment: who makes the pictures; relight is the embedded simulator's own answer."""
    augment_weights: Path | None = None
    """Folder of the network. embedded: without it the shipped one. translator: by `syndiff train-translator`."""
    backend: Literal["torch", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"] = "torch"
    """With --synthesizer embedded, embedded-m or translator: what runs the network."""
    threads: int = 2
    """CPU threads of that network; more than there are idle cores slow it down."""
    augment_every: int = 1
    """With --augment: make every k-th picture, and warp it to the views in between."""
    budget_ms: float | None = None
    """With --augment: time a picture may take; misses are counted. Runs with a budget cannot be repeated exactly."""
    on_miss: Literal["wait", "source", "warp-last"] = "wait"
    """With --budget-ms: wait all the same, or show the simulator's picture, or the last variant warped."""
    overlap: Literal["off", "warp", "one-tick-old"] = "off"
    """With --augment: make pictures in a thread while the simulator goes on, and show them one decision later, warped
    to the present view or as they are."""
    on_error: Literal["raise", "source", "warp-last"] = "raise"
    """With --augment: a picture cannot be made: stop with the reason, or show that instead and count it."""
    strips: bool = False
    """Keep some pictures around each infraction beside the result file, for `syndiff stats`; costs a camera."""
    seed: int = 0
    """Decides traffic; the same seed gives every driver the same traffic."""
    workers: int = 0
    """Drives at a time, each in a supervised process with a simulator of its own; 0 drives in this process."""
    carla_root: Path | None = None
    """Start this CARLA installation for every worker instead of the embedded simulator."""
    gpus: str = ""
    """With --carla-root: GPUs to put workers on, e.g. 0-7 or 0,2."""
    workers_per_gpu: int = 1
    """With --gpus: workers on each."""
    memory_limit_mib: float | None = None
    """A worker whose processes take more is ended and started again."""
    silence_limit_s: float = 120.0
    """A worker that drives and says nothing for so long is ended and started again."""
    shard: str = ""
    """Only a part of the drives, e.g. 2/8 (counted from 0); see `syndiff merge-results`."""
    slurm_array: int = 0
    """Print an sbatch script that evaluates in so many shards, and stop."""

    def run(self) -> int:
        from syndiff.evaluation import run_evaluation

        return run_evaluation(self)
