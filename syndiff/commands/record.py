"""`syndiff record`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """Let the expert drive random routes and record what its camera sees, with labels, into a store."""

    out: Path
    """Folder of the store; an existing one of the same run is continued."""
    conditions: tuple[str, ...] = ("clear-day",)
    """Weather and light of the drives, e.g. clear-day rain-night."""
    drives: tuple[int, ...] = (8,)
    """Drives per condition: one number for all, or one for each."""
    pairs: tuple[str, ...] = ()
    """Conditions under which every frame is also shown, e.g. rain-night fog-day, or core12 for all twelve.

    The embedded simulator relights the instant itself; on another CARLA the drive is replayed, and pictures whose
    labels or depth do not agree are rejected.
    """
    paired: bool = False
    """The n-th drives of all conditions are the same drive: pixel-aligned pairs on the embedded simulator."""
    split: str = "train"
    """Recorded with every frame; other splits drive other routes."""
    host: str = "127.0.0.1"
    """Address of a running CARLA 0.9.16; used with --port."""
    port: int | None = None
    """RPC port of a running CARLA 0.9.16; without it the embedded simulator is started."""
    map: str | None = None
    """Map to load; without it the simulator's own."""
    map_dir: Path | None = None
    """Folder of further OpenDRIVE maps for the embedded simulator."""
    width_px: int = 256
    """Width of the pictures."""
    height_px: int = 144
    """Height of the pictures."""
    every_ticks: int = 5
    """A frame is recorded every so many ticks of 0.05 s."""
    route_length_m: float = 200.0
    """Length of a drive."""
    vehicles: int = 10
    """Other cars, driven by the Traffic Manager."""
    walkers: int = 0
    """People on the pavements."""
    depth: bool = True
    """Record depth too; synthesis wants it."""
    seed: int = 0
    """Decides routes, traffic and steering noise."""

    def run(self) -> int:
        from augment.conditions import Condition
        from carla_agents.data.drives import plan_drives
        from carla_agents.data.recording import record
        from carla_agents.data.recording_config import RecordingConfig
        from carla_agents.data.recording_display import RecordingDisplay
        from carla_agents.data.store import Store
        from carla_agents.data.true_variants import PairCounts
        from carla_agents.policies.base import CameraSpec
        from carla_agents.simulator.session import SimulatorConfig
        from syndiff.commands.pairs import paired_conditions

        counts = self._counts()
        weathers = {name: Condition.parse(name).to_weather().as_tuple() for name in counts}
        config = RecordingConfig(
            simulator=SimulatorConfig(
                host=self.host,
                port=self.port,
                map_name=self.map,
                map_dir=None if self.map_dir is None else str(self.map_dir),
                seed=self.seed,
            ),
            camera=CameraSpec(width_px=self.width_px, height_px=self.height_px),
            modalities=("rgb", "seg", "depth_m") if self.depth else ("rgb", "seg"),
            every_ticks=self.every_ticks,
            route_length_m=self.route_length_m,
            vehicles=self.vehicles,
            walkers=self.walkers,
        )
        pairs = paired_conditions(self.pairs)
        drives = plan_drives(counts, weathers, self.seed, split=self.split, paired=self.paired, pairs=pairs)
        with RecordingDisplay() as display:
            made = record(self.out, drives, config, seed=self.seed, on_frame=display)
        store = Store.read(self.out)
        frames = len(store.frames())
        print(f"{self.out}: {len(made)} drives recorded now, {len(drives)} in all, {frames} frames")
        if pairs:
            print(f"true variants: {PairCounts.of(store)}")
        return 0

    def _counts(self) -> dict[str, int]:
        if len(self.drives) not in (1, len(self.conditions)):
            raise ValueError(f"--drives has {len(self.drives)} numbers for {len(self.conditions)} conditions")
        numbers = self.drives * len(self.conditions) if len(self.drives) == 1 else self.drives
        return dict(zip(self.conditions, numbers, strict=True))
