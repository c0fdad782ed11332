"""`DriveReplay`: a recorded drive set up again, frame by frame, on any CARLA 0.9.16 server.

Nothing is simulated: physics is off, every actor is put where it was recorded, with its lamps, wheels and bones, and
traffic lights are frozen to their recorded states. So the same instants can be seen under another weather.
"""

from __future__ import annotations

from collections.abc import Sequence

import carla
import numpy as np

from carla_agents.data.records import StoredFrame, StoredRoute
from carla_agents.data.scene import SceneCast, SceneState
from carla_agents.driving.headlights import lamps_for_weather
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.errors import SimulatorError, SpawnFailed
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session

_LIFT_M = 200.0
"""Actors are spawned so high, where nothing is in their way, and go back there when they have left the drive."""
_SAME_PLACE_M = 0.5
_BRAKE_FROM = 0.02
_WHEEL = carla.VehicleWheelLocation


class DriveReplay:
    """A recorded route on a session: everybody who took part, and the camera on the ego vehicle.

    Args:
        session: where; its world is reset first, and its map changed if the route was driven on another.
        route: of a store; recorded with scenes.
        modalities: what the camera delivers.

    Raises:
        ValueError: the route keeps no scenes.
        SpawnFailed: the server lacks a blueprint, or has no room.
        SimulatorError: the map has other traffic lights.
    """

    def __init__(
        self, session: Session, route: StoredRoute, modalities: Sequence[str] = ("rgb", "seg", "depth_m")
    ) -> None:
        self._cast = SceneCast.from_json(route.metadata.get("scene"), route.route_id)
        self._session = session
        wanted = str(route.metadata["map"])
        if session.map.name.split("/")[-1] != wanted:
            session.load_map(wanted)
        session.reset()
        self._lights = self._matching_lights()
        session.world.freeze_all_traffic_lights(True)
        self._aside: dict[int, carla.Transform] = {}
        self._actors = self._spawn_cast()
        camera = CameraSpec(**_tuples(route.metadata["camera"]))
        self._rig = SensorRig(session, self._actors[self._cast.ego_id], cameras(camera, modalities))
        self._light_states = np.full(len(self._lights), -1)
        self._has_switchable_lamps = {
            member.actor_id for member in self._cast.members if member.blueprint.startswith("vehicle.")
        }

    def set_weather(self, weather: Sequence[float]) -> None:
        """Change the weather; the lamps of a careful driver follow it with the next shown frame."""
        self._session.set_weather(weather)
        self._lamps = lamps_for_weather(weather)

    def show(self, frame: StoredFrame, ticks: int = 1) -> dict[str, np.ndarray]:
        """Put everybody where they were at a frame.

        Args:
            frame: of this route.
            ticks: how many ticks to stand there before looking.

        Returns:
            the camera's pictures, as `SensorRig.gather`.
        """
        scene = frame.load_scene()
        self._place(scene)
        for _ in range(ticks):
            frame_id = self._session.tick()
        return self._rig.gather(frame_id)

    def close(self) -> None:
        """Takes away what was spawned and lets traffic lights run again."""
        self._rig.close()
        self._session.destroy(list(self._actors.values()))
        self._session.world.freeze_all_traffic_lights(False)

    def __enter__(self) -> DriveReplay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, scene: SceneState) -> None:
        gone = set(self._actors) - set(scene.actor_ids.tolist())
        commands = [carla.command.ApplyTransform(self._actors[i].id, self._aside[i]) for i in sorted(gone)]
        for row, recorded_id in enumerate(scene.actor_ids.tolist()):
            actor = self._actors[recorded_id]
            commands.append(carla.command.ApplyTransform(actor.id, _transform(scene.pose[row])))
            if recorded_id in self._has_switchable_lamps:
                throttle, steer, brake = scene.control[row].tolist()
                control = carla.VehicleControl(throttle=throttle, steer=steer, brake=brake)
                commands.append(carla.command.ApplyVehicleControl(actor.id, control))
                lamps = self._lamps_of(int(scene.light_states[row]), brake)
                commands.append(carla.command.SetVehicleLightState(actor.id, carla.VehicleLightState(lamps)))
        for answer in self._session.client.apply_batch_sync(commands, False):
            if answer.error:
                raise SimulatorError(f"the server refused to put an actor where it was: {answer.error}")
        self._turn_wheels(scene)
        self._pose_walkers(scene)
        changed = np.flatnonzero(scene.traffic_lights != self._light_states)
        for index in changed.tolist():
            self._lights[index].set_state(carla.TrafficLightState.values[int(scene.traffic_lights[index])])
        self._light_states = scene.traffic_lights.copy()

    def _lamps_of(self, recorded: int, brake: float) -> int:
        """Recorded blinkers and special lights, and the lamps of this weather."""
        state = carla.VehicleLightState
        by_weather = int(state.Position) | int(state.LowBeam) | int(state.Fog)
        lamps = (recorded & ~by_weather) | self._lamps
        return lamps | int(state.Brake) if brake > _BRAKE_FROM else lamps

    def _turn_wheels(self, scene: SceneState) -> None:
        for row in np.flatnonzero(scene.wheels_deg.any(axis=1)).tolist():
            vehicle = self._actors[int(scene.actor_ids[row])]
            steer_deg, roll_deg = scene.wheels_deg[row].tolist()
            vehicle.set_wheel_steer_direction(_WHEEL.FL_Wheel, steer_deg)
            vehicle.set_wheel_steer_direction(_WHEEL.FR_Wheel, steer_deg)
            vehicle.set_wheel_pitch_angle(_WHEEL.FL_Wheel, roll_deg)

    def _pose_walkers(self, scene: SceneState) -> None:
        for row, recorded_id in enumerate(scene.walker_ids.tolist()):
            walker = self._actors[recorded_id]
            bones = zip(self._cast.bone_names, scene.bones[row], strict=True)
            walker.set_bones(carla.WalkerBoneControlIn([(name, _transform(pose)) for name, pose in bones]))
            walker.blend_pose(1.0)

    def _spawn_cast(self) -> dict[int, carla.Actor]:
        library = self._session.world.get_blueprint_library()
        first = {}
        commands = []
        for number, member in enumerate(self._cast.members):
            try:
                blueprint = library.find(member.blueprint)
            except IndexError as error:
                raise SpawnFailed(f"the server has no blueprint {member.blueprint!r} that the drive needs") from error
            for name, value in member.attributes.items():
                if blueprint.has_attribute(name) and blueprint.get_attribute(name).is_modifiable:
                    blueprint.set_attribute(name, value)
            place = self._aside[member.actor_id] = carla.Transform(carla.Location(x=20.0 * number, z=_LIFT_M))
            still = carla.command.SetSimulatePhysics(carla.command.FutureActor, False)
            commands.append(carla.command.SpawnActor(blueprint, place).then(still))
        answers = self._session.client.apply_batch_sync(commands, False)
        for member, answer in zip(self._cast.members, answers, strict=True):
            if answer.error:
                raise SpawnFailed(f"could not spawn {member.blueprint} for a replay: {answer.error}")
            first[member.actor_id] = answer.actor_id
        self._session.tick()
        found = {actor.id: actor for actor in self._session.world.get_actors(list(first.values()))}
        self._session.adopt(list(found.values()))
        return {recorded_id: found[actor_id] for recorded_id, actor_id in first.items()}

    def _matching_lights(self) -> list[carla.Actor]:
        lights = [a for a in self._session.world.get_actors() if a.type_id == "traffic.traffic_light"]
        matched = []
        for x, y, z in self._cast.traffic_lights_in_world_m:
            place = carla.Location(x=x, y=y, z=z)
            nearest = min(lights, key=lambda light: light.get_location().distance(place), default=None)
            if nearest is None or nearest.get_location().distance(place) > _SAME_PLACE_M:
                raise SimulatorError(
                    f"the map has no traffic light at ({x}, {y}, {z}), where the drive had one: it is not the map "
                    "that was recorded"
                )
            matched.append(nearest)
        return matched


def _transform(pose: np.ndarray) -> carla.Transform:
    x, y, z, pitch, yaw, roll = pose.tolist()
    return carla.Transform(carla.Location(x=x, y=y, z=z), carla.Rotation(pitch=pitch, yaw=yaw, roll=roll))


def _tuples(value: dict) -> dict:
    """JSON has no tuples."""
    return {name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}
