"""`DriveRecorder`: one drive by the expert, from setting the scene to its outcome."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Protocol

import carla
import numpy as np

from carla_agents.data.drives import Drive
from carla_agents.data.paired_recording import PairedRecording
from carla_agents.data.recording_config import RecordingConfig
from carla_agents.data.scene_capture import SceneCapture
from carla_agents.data.steering_noise import SteeringNoise
from carla_agents.data.stop_request import StopRequest
from carla_agents.data.store_writer import StoreWriter
from carla_agents.driving.capture import frame_from
from carla_agents.driving.expert import Expert, controller_config
from carla_agents.driving.headlights import switch_lamps
from carla_agents.driving.route import Route
from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.driving.traffic import Traffic, TrafficConfig, derive_seed
from carla_agents.simulator.events import CollisionSensor
from carla_agents.simulator.frame import Control, Frame
from carla_agents.simulator.relighter import Relighter
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session
from carla_agents.simulator.vehicle_state import VehicleState

_FAR_M = 1000.0
_STANDING_MPS = 0.1
_SETTLING_TICKS = 10
REASONS = ("route", "red light", "stop sign", "vehicle", "crossing", "junction full", "passing", "giving way")
"""The scalar `slowing_reason` of a frame is an index into this."""


class Staged(Protocol):
    """What happens on a drive besides traffic, e.g. the scenarios of a route file."""

    def tick(self, ego: VehicleState, ego_m: float) -> object:
        """Called every tick with the ego and how far it has come along its route."""
        ...

    def disturb(self, control: Control) -> Control:
        """The ego's control as the road makes it."""
        ...

    def close(self) -> object:
        """Called when the drive is over."""
        ...


Stage = Callable[[Session, RoutePlanner, carla.Vehicle, Route, Drive], Staged | None]
"""Puts what happens on a drive in its place, before its traffic; None if nothing does."""


class DriveRecorder:
    """One drive: sets the scene, drives, stores frames, says how it ended.

    Args:
        session: where; its world is reset first.
        planner: of the session's map.
        drive: what to drive.
        config: how.
        store: where the frames go; the route must be new to it.
        relighter: makes the drive's true variants while it is driven; None leaves them to a replay.
        stage: what happens on the way; its actors come and go, so it cannot be combined with `config.scene`.
    """

    def __init__(
        self,
        session: Session,
        planner: RoutePlanner,
        drive: Drive,
        config: RecordingConfig,
        store: StoreWriter,
        relighter: Relighter | None = None,
        stage: Stage | None = None,
    ) -> None:
        if stage is not None and config.scene:
            raise ValueError("actors of scenarios come and go, so config.scene must be False for them")
        self._session = session
        self._drive = drive
        self._config = config
        self._store = store
        session.reset()
        session.set_weather(drive.weather)
        self._route = plan_route(planner, drive, config)
        x_m, y_m, z_m = self._route.points_m[0]
        yaw_deg = math.degrees(self._route.yaw_rad[0])
        pose = carla.Transform(carla.Location(x=x_m, y=y_m, z=z_m + 0.5), carla.Rotation(yaw=yaw_deg))
        self._ego = session.spawn(config.vehicle, pose, {"role_name": "hero"})
        session.apply(self._ego, Control(brake=1.0))
        self._staged = stage(session, planner, self._ego, self._route, drive) if stage is not None else None
        traffic = Traffic(
            session,
            TrafficConfig(
                vehicles=config.vehicles,
                walkers=config.walkers,
                seed=derive_seed(drive.seed, "traffic"),
                mix=config.traffic_mix,
            ),
            keep_clear_m=[(x_m, y_m)],
            enliven_m=self._route.points_m[:, :2],
        )
        switch_lamps(session, [self._ego, *traffic.vehicles], drive.weather)
        self._pairs = None
        if relighter is not None and drive.other_pairs:
            vehicle_ids = [self._ego.id, *(vehicle.id for vehicle in traffic.vehicles)]
            self._pairs = PairedRecording(relighter, drive.other_pairs, vehicle_ids)
        for _ in range(_SETTLING_TICKS):
            session.tick()

    def run(self, stop: StopRequest, tell: Callable[[float, int], None]) -> int:
        """Drive to the end.

        Args:
            stop: asked once per due frame.
            tell: called after every recorded frame with the share of the route driven and the frames so far.

        Returns:
            number of recorded frames.

        Raises:
            Stopped: a stop was asked for; the route stays unfinished in the store.
        """
        session, config, drive = self._session, self._config, self._drive
        scene = SceneCapture(session, self._ego) if config.scene else None
        self._store.begin_route(drive.route_id, split=drive.split, metadata=self._metadata(scene))
        expert = Expert(session, self._ego, self._route, config.expert)
        geometry = controller_config(self._ego)
        delta_s = session.config.fixed_delta_s
        noise = SteeringNoise(
            config.noise,
            derive_seed(drive.seed, "noise"),
            delta_s,
            wheelbase_m=geometry.wheelbase_m,
            max_steer_rad=geometry.max_steer_rad,
        )
        collisions = CollisionSensor(session, self._ego)
        rig = SensorRig(session, self._ego, cameras(config.camera, config.modalities), config.every_ticks)
        first = VehicleState.read(session.snapshot(), self._ego.id)
        frames = standing = 0
        while True:
            state = VehicleState.read(session.snapshot(), self._ego.id)
            control = expert.control()
            applied = noise.push(control, state.speed_mps)
            if rig.due(session.frame_id):
                standing = standing + 1 if abs(state.speed_mps) < _STANDING_MPS else 0
                if standing == 0 or (standing - 1) % config.standing_every == 0:
                    pictures = rig.gather(session.frame_id)
                    frame = _frame(drive, state, first, expert, control, applied, pictures)
                    size_px = (config.camera.width_px, config.camera.height_px)
                    relit = None
                    if self._pairs is not None:
                        relit = self._pairs.relight(rig.actor_id("rgb"), session.snapshot(), size_px)
                    key = self._store.append(drive.route_id, frame, scene=None if scene is None else scene.read())
                    if self._pairs is not None and relit is not None:
                        self._pairs.keep(self._store, key, relit)
                    frames += 1
                    tell(expert.progress.completion, frames)
                stop.check(
                    f"{frames} frames of the unfinished drive {drive.route_id} are kept until it is driven anew"
                )
            status = self._ending(expert, collisions, state.elapsed_s - first.elapsed_s)
            if status:
                break
            if self._staged is not None:
                self._staged.tick(state, expert.progress.distance_m)
                applied = self._staged.disturb(applied)
            session.apply(self._ego, applied)
            session.tick()
        if self._staged is not None:
            self._staged.close()
        outcome = {
            "status": status,
            "completion": round(expert.progress.completion, 4),
            "driven_m": round(expert.progress.distance_m, 2),
            "elapsed_s": round(state.elapsed_s - first.elapsed_s, 3),
        }
        self._store.finish_route(drive.route_id, outcome)
        tell(1.0, frames)
        return frames

    def _ending(self, expert: Expert, collisions: CollisionSensor, elapsed_s: float) -> str:
        if collisions.take(before_frame_id=self._session.frame_id):
            return "collision"
        if expert.done:
            return "completed"
        return "time limit" if elapsed_s >= self._config.max_drive_s else ""

    def _metadata(self, scene: SceneCapture | None) -> dict[str, object]:
        drive, route = self._drive, self._route
        return {
            **({} if scene is None else {"scene": scene.cast.to_json()}),
            "map": self._session.map.name.split("/")[-1],
            "look": self._session.look,
            "seed": drive.seed,
            "condition": drive.condition,
            "weather": list(drive.weather),
            "camera": asdict(self._config.camera),
            "delta_s": self._session.config.fixed_delta_s,
            "length_m": round(route.length_m, 2),
            "turns": route.turns,
            "route_in_world_m": np.round(route.points_m, 3).tolist(),
        }


def plan_route(planner: RoutePlanner, drive: Drive, config: RecordingConfig) -> Route:
    """The route of a drive: through its places, or random by its seed."""
    if drive.places_in_world_m is not None:
        return planner.plan(drive.places_in_world_m)
    rng = np.random.default_rng(derive_seed(drive.seed, "route"))
    return planner.random_route(rng, config.route_length_m, min_turns=config.min_turns)


def _frame(
    drive: Drive,
    state: VehicleState,
    first: VehicleState,
    expert: Expert,
    control: Control,
    applied: Control,
    pictures: dict[str, np.ndarray],
) -> Frame:
    """Ticks and seconds are counted from the first frame of the drive, so a repeated drive gives equal frames."""
    decision, progress = expert.decision, expert.progress
    scalars = {
        "target_speed_mps": decision.target_speed_mps,
        "slowing_reason": REASONS.index(decision.reason),
        "gap_m": min(decision.gap_m, _FAR_M),
        "route_distance_m": progress.distance_m,
        "lateral_m": progress.lateral_m,
        "steer_push": applied.steer - control.steer,
    }
    frame = frame_from(state, pictures, progress, control, drive.condition, scalars)
    elapsed_s = round(state.elapsed_s - first.elapsed_s, 6)
    return replace(frame, frame_id=state.frame_id - first.frame_id, elapsed_s=elapsed_s)
