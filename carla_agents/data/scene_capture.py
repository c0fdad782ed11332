"""`SceneCapture`: reads from a session what a `SceneState` holds, through CARLA's own calls."""

from __future__ import annotations

import carla
import numpy as np

from carla_agents.data.scene import CastMember, SceneCast, SceneState
from carla_agents.simulator.session import Session

_WHEELS_SEEN_M = 60.0
"""The wheels of cars farther away are less than a pixel's turn."""
_FRONT_LEFT = carla.VehicleWheelLocation.FL_Wheel


class SceneCapture:
    """The vehicles, walkers and traffic lights of a session as they are now; actors that come later are left out.

    Actors that leave during the drive are missing from the states after that: a Traffic Manager removes vehicles that
    stand for long.

    Args:
        session: where.
        ego: the vehicle that carries the camera.

    Attributes:
        cast: who they are.
    """

    def __init__(self, session: Session, ego: carla.Actor) -> None:
        self._session = session
        actors = sorted(session.world.get_actors(), key=lambda actor: actor.id)
        vehicles = [actor for actor in actors if actor.type_id.startswith("vehicle.")]
        self._walkers = [actor for actor in actors if actor.type_id.startswith("walker.")]
        self._lights = [actor for actor in actors if actor.type_id == "traffic.traffic_light"]
        bones = self._walkers[0].get_bones().bone_transforms if self._walkers else []
        library = session.world.get_blueprint_library()
        people = sorted([*vehicles, *self._walkers], key=lambda actor: actor.id)
        self._actors = people
        self.cast = SceneCast(
            ego_id=ego.id,
            members=tuple(
                CastMember(actor.id, actor.type_id, _settable(actor, library.find(actor.type_id))) for actor in people
            ),
            traffic_lights_in_world_m=tuple(_place(light) for light in self._lights),
            bone_names=tuple(bone.name for bone in bones),
        )

    def read(self) -> SceneState:
        """The state after the last tick.

        Raises:
            KeyError: the ego vehicle is gone.
        """
        snapshot = self._session.snapshot()
        if not snapshot.has_actor(self.cast.ego_id):
            raise KeyError(f"the ego vehicle {self.cast.ego_id} is no longer in the world: the drive is over")
        self._actors = [actor for actor in self._actors if snapshot.has_actor(actor.id)]
        self._walkers = [walker for walker in self._walkers if snapshot.has_actor(walker.id)]
        lamps = self._session.world.get_vehicles_light_states()
        count = len(self._actors)
        pose, control = np.zeros((count, 6), np.float32), np.zeros((count, 3), np.float32)
        lights, wheels = np.zeros(count, np.uint32), np.zeros((count, 2), np.float32)
        for row, actor in enumerate(self._actors):
            place = snapshot.find(actor.id).get_transform()
            at, turn = place.location, place.rotation
            pose[row] = at.x, at.y, at.z, turn.pitch, turn.yaw, turn.roll
        near = self._near_ego(pose)
        for row, actor in enumerate(self._actors):
            if not actor.type_id.startswith("vehicle."):
                continue
            pedals = actor.get_control()
            control[row] = pedals.throttle, pedals.steer, pedals.brake
            lights[row] = int(lamps.get(actor.id, carla.VehicleLightState.NONE))
            if near[row]:
                wheels[row] = actor.get_wheel_steer_angle(_FRONT_LEFT), actor.get_wheel_pitch_angle(_FRONT_LEFT)
        return SceneState(
            actor_ids=np.array([actor.id for actor in self._actors], np.uint32),
            pose=pose,
            light_states=lights,
            control=control,
            wheels_deg=np.mod(wheels + 180.0, 360.0) - 180.0,
            traffic_lights=np.array([int(light.get_state()) for light in self._lights], np.uint8),
            walker_ids=np.array([walker.id for walker in self._walkers], np.uint32),
            bones=self._bones(),
        )

    def _near_ego(self, pose: np.ndarray) -> np.ndarray:
        ego = next(row for row, actor in enumerate(self._actors) if actor.id == self.cast.ego_id)
        return np.hypot(*(pose[:, :2] - pose[ego, :2]).T) < _WHEELS_SEEN_M

    def _bones(self) -> np.ndarray:
        out = np.zeros((len(self._walkers), len(self.cast.bone_names), 6), np.float32)
        for row, walker in enumerate(self._walkers):
            for column, bone in enumerate(walker.get_bones().bone_transforms):
                at, turn = bone.relative.location, bone.relative.rotation
                out[row, column] = at.x, at.y, at.z, turn.pitch, turn.yaw, turn.roll
        return out


def _settable(actor: carla.Actor, blueprint: carla.ActorBlueprint) -> dict[str, str]:
    """The attributes of an actor that a client may choose."""
    return {
        name: value
        for name, value in sorted(actor.attributes.items())
        if blueprint.has_attribute(name) and blueprint.get_attribute(name).is_modifiable
    }


def _place(light: carla.Actor) -> tuple[float, float, float]:
    at = light.get_location()
    return round(at.x, 2), round(at.y, 2), round(at.z, 2)
