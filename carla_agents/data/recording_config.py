"""`RecordingConfig`: what is recorded on every drive, and how it is driven."""

from __future__ import annotations

from dataclasses import dataclass, field

from carla_agents.data.steering_noise import SteeringNoiseConfig
from carla_agents.data.store_writer import StoreConfig
from carla_agents.driving.expert import ExpertConfig
from carla_agents.driving.traffic import TrafficMix
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.session import SimulatorConfig

_BYTES_PER_PIXEL = {"rgb": 1.7, "seg": 0.1, "depth_m": 2.2, "instance": 0.3}


@dataclass(frozen=True)
class RecordingConfig:
    """What is recorded on every drive, and how it is driven."""

    simulator: SimulatorConfig = field(default_factory=SimulatorConfig)
    """Which simulator; by default the embedded one."""
    camera: CameraSpec = field(default_factory=CameraSpec)
    """The camera on the ego vehicle."""
    modalities: tuple[str, ...] = ("rgb", "seg", "depth_m")
    """Pictures to record: `rgb` and any of `seg`, `depth_m`, `instance`."""
    scene: bool = True
    """Keep where every vehicle, walker and lamp was, so that drives can be replayed under other weather."""
    every_ticks: int = 5
    """A frame is recorded every so many ticks (and only then rendered)."""
    standing_every: int = 4
    """While the car stands, only every n-th of those frames is kept."""
    route_length_m: float = 200.0
    """Length of random routes."""
    min_turns: int = 1
    """Least number of left and right turns on random routes."""
    vehicle: str = "vehicle.tesla.model3"
    """Blueprint of the ego vehicle."""
    vehicles: int = 10
    """Other cars, driven by the Traffic Manager."""
    walkers: int = 0
    """Walkers on the pavement."""
    traffic_mix: TrafficMix = field(default_factory=TrafficMix)
    """What drives besides cars, and where people walk."""
    expert: ExpertConfig = field(default_factory=ExpertConfig)
    """How the expert drives."""
    noise: SteeringNoiseConfig = field(default_factory=SteeringNoiseConfig)
    """Pushes off the lane that the expert answers."""
    max_drive_s: float = 180.0
    """Simulated time after which a drive ends, whether or not the route is done."""
    store: StoreConfig = field(default_factory=StoreConfig)
    """How frames are kept."""

    def __post_init__(self) -> None:
        if "rgb" not in self.modalities or not set(self.modalities) <= set(_BYTES_PER_PIXEL):
            raise ValueError(f"modalities is {self.modalities}, allowed 'rgb' and any of {sorted(_BYTES_PER_PIXEL)}")
        for name in ("every_ticks", "standing_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed >= 1")
        if not self.route_length_m >= 20:
            raise ValueError(f"route_length_m is {self.route_length_m}, allowed >= 20")
        if not self.max_drive_s > 0:
            raise ValueError(f"max_drive_s is {self.max_drive_s}, allowed > 0")


def estimated_bytes(config: RecordingConfig, drives: int, variants_per_frame: float = 0.0) -> int:
    """About how much disk `drives` random drives need, each frame with so many true variants."""
    pixels = config.camera.width_px * config.camera.height_px
    bytes_per_frame = sum(_BYTES_PER_PIXEL[m] for m in config.modalities) * pixels + 1000
    bytes_per_frame += variants_per_frame * _BYTES_PER_PIXEL["rgb"] * pixels
    bytes_per_frame += 100 * (1 + config.vehicles + 4 * config.walkers) if config.scene else 0
    seconds = config.route_length_m / (0.5 * config.expert.cruise_mps)
    return int(drives * seconds / (config.every_ticks * config.simulator.fixed_delta_s) * bytes_per_frame)
