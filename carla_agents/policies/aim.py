"""`AimPolicy`: a trained AIM-class network behind the `Policy` contract, and its files on disk."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from carla_agents.policies.aim_network import AimConfig, AimNetwork
from carla_agents.policies.base import CameraSpec, Observation, Plan

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "weights.safetensors"


class AimPolicy:
    """Drives from one camera, the next target point and the navigation command.

    Args:
        network: trained network; it is put into evaluation mode.
        waypoint_spacing_s: time between two waypoints of a plan.
    """

    waypoint_count = 4
    slowest_drawn_mps = 3.0
    """Waypoints are drawn at no less than this speed, so that a standing car still knows where it will go."""

    def __init__(self, network: AimNetwork, waypoint_spacing_s: float = 0.5) -> None:
        self.network = network.eval()
        self.config = network.config
        self.waypoint_spacing_s = waypoint_spacing_s

    @classmethod
    def load(cls, folder: Path) -> AimPolicy:
        """Read a policy that `save_network` wrote.

        Raises:
            ValueError: the folder holds no readable policy.
        """
        return cls(load_network(folder))

    def camera(self) -> CameraSpec:
        """The camera it was trained with."""
        c = self.config
        return CameraSpec(c.width_px, c.height_px, c.fov_deg, c.camera_position_in_ego_m, c.camera_pitch_deg)

    def reset(self, seed: int) -> None:
        """Nothing to forget: the policy has no memory and draws no random numbers."""

    def act(self, observation: Observation) -> Plan:
        """Plan the next two seconds.

        Raises:
            ValueError: the picture is not of the size the network was made for.
        """
        expected = (self.config.height_px, self.config.width_px, 3)
        if observation.rgb.shape != expected or observation.rgb.dtype != np.uint8:
            raise ValueError(
                f"observation.rgb must be {expected} uint8, got {observation.rgb.shape} {observation.rgb.dtype}; "
                "spawn the camera that `policy.camera()` names"
            )
        with torch.inference_mode(), _one_thread():
            rgb = torch.from_numpy(observation.rgb.astype(np.float32) / 255.0).permute(2, 0, 1)[None]
            target = torch.from_numpy(np.asarray(observation.target_point_in_ego_m, dtype=np.float32))[None]
            command = torch.tensor([int(observation.command)])
            path, logits = self.network(rgb, target, command)
            speed_mps = float(self.network.expected_speed_mps(logits)[0])
        return Plan(self._timed(path[0].numpy(), speed_mps), speed_mps)

    def _timed(self, path_in_ego_m: np.ndarray, speed_mps: float) -> np.ndarray:
        """Walk along the path at the target speed and note where one is every `waypoint_spacing_s`."""
        points = np.concatenate([np.zeros((1, 2), np.float32), path_in_ego_m])
        along_m = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        pace_mps = max(speed_mps, self.slowest_drawn_mps)
        wanted_m = pace_mps * self.waypoint_spacing_s * np.arange(1, self.waypoint_count + 1)
        beyond_m = np.maximum(wanted_m - along_m[-1], 0.0)
        last = points[-1] - points[-2]
        direction = last / max(float(np.linalg.norm(last)), 1e-6)
        inside = np.stack([np.interp(wanted_m, along_m, points[:, axis]) for axis in (0, 1)], axis=1)
        return (inside + beyond_m[:, None] * direction).astype(np.float32)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One picture through a small network is faster on one thread: several wait for each other, spinning.

    With a simulator on the same cores that costs 20 times the processor time of the work itself. It also makes a plan
    independent of the machine's number of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def save_network(network: AimNetwork, folder: Path, facts: dict[str, Any]) -> None:
    """Write `weights.safetensors` and `config.json` (the shape and whatever `facts` say about the training)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}, folder / WEIGHTS_NAME)
    record = {"kind": "aim", "network": asdict(network.config), "training": facts}
    (folder / CONFIG_NAME).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def load_network(folder: Path) -> AimNetwork:
    """Read what `save_network` wrote.

    Raises:
        ValueError: a file is missing, is not of this kind, or the weights do not fit the configuration.
    """
    try:
        record = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        if record.get("kind") != "aim":
            raise ValueError(f"{folder / CONFIG_NAME} describes {record.get('kind')!r}, not an 'aim' policy")
        shape: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record["network"].items()}
        network = AimNetwork(AimConfig(**shape))
        network.load_state_dict(load_file(folder / WEIGHTS_NAME))
    except (OSError, KeyError, TypeError, RuntimeError, SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"no policy can be read from {folder}: {error}; train one with `syndiff train`") from error
    return network
