"""Everything that has an id and lives in an episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carla_server.dynamics.ackermann import AckermannDriver
from carla_server.wire.layouts import Layout
from carla_server.wire.structs import ActorDescription, Pose, Vector
from carla_server.world.skeleton import CustomPose

if TYPE_CHECKING:
    from carla_server.world.doors import Door, Lid

ZERO: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class BoundingBox:
    """Box in its actor's frame: centre, half extents (m) and rotation (pitch, yaw, roll, deg)."""

    center_m: Vector = ZERO
    extent_m: Vector = ZERO
    rotation_deg: Vector = ZERO

    def to_wire(self, actor_id: int, layout: Layout) -> list:
        """carla.BoundingBox as an array."""
        box: list = [list(self.center_m), list(self.extent_m), list(self.rotation_deg)]
        if layout.bounding_box_has_actor_id:
            box.append(actor_id)
        return box


@dataclass(frozen=True)
class Attachment:
    """How an actor hangs on its parent.

    Attributes:
        parent_id: whom it follows.
        pose: in the parent's frame.
        spring_arm: the arm keeps its length but not the parent's roll and pitch (CARLA's SpringArm types).
    """

    parent_id: int
    pose: Pose
    spring_arm: bool = False


@dataclass(eq=False)
class Actor:
    """What all actors share; the bare class is a prop, a controller or the spectator.

    Attributes:
        pose: x, y, z (m), pitch, yaw, roll (deg) in the world; for vehicles and walkers where they were spawned,
            their fleets know where they are (`World.pose_of`).
        velocity_mps, angular_velocity_degps, acceleration_mps2: in the world.
        stream_id: its sensor stream, 0 for none.
        attributes: every attribute of its blueprint with the client's values.
    """

    actor_id: int
    description: ActorDescription
    pose: Pose
    box: BoundingBox = field(default_factory=BoundingBox)
    semantic_tags: tuple[int, ...] = ()
    attachment: Attachment | None = None
    stream_id: int = 0
    attributes: dict[str, str] = field(default_factory=dict)
    velocity_mps: Vector = ZERO
    angular_velocity_degps: Vector = ZERO
    acceleration_mps2: Vector = ZERO
    collides: bool = True

    @property
    def type_id(self) -> str:
        return self.description.blueprint_id

    @property
    def parent_id(self) -> int:
        return self.attachment.parent_id if self.attachment else 0

    def to_wire(self, layout: Layout, token: bytes) -> list:
        """carla.Actor as an array; `token` is empty for actors without a stream."""
        description = [
            self.description.uid,
            self.type_id,
            [list(attribute) for attribute in self.description.attributes],
        ]
        box = self.box.to_wire(self.actor_id, layout)
        return [self.actor_id, self.parent_id, description, box, bytes(self.semantic_tags), token]


@dataclass(eq=False)
class Vehicle(Actor):
    """A vehicle; how it moves is in the fleet.

    Attributes:
        light_state: bits of carla.VehicleLightState.
        open_doors: bits by carla.VehicleDoor; change them by `doors.set_open_doors`.
        doors: number -> how it stands, of those open doors that the model has.
        color: (r, g, b) bytes.
        keeps_control: whether a command acts until the next one (blueprint attribute sticky_control).
        ackermann: drives it while a client commands speeds instead of pedals.
        physics_message: the VehiclePhysicsControl that a client set last, None before that.
        wheel_steer_deg, wheel_pitch_deg: wheel -> angle that a client set by hand; it is shown and moves nothing.
    """

    light_state: int = 0
    open_doors: int = 0
    doors: dict[int, Door | Lid] = field(default_factory=dict)
    color: tuple[int, int, int] = (17, 37, 103)
    keeps_control: bool = True
    ackermann: AckermannDriver = field(default_factory=AckermannDriver)
    physics_message: list | None = None
    wheel_steer_deg: dict[int, float] = field(default_factory=dict)
    wheel_pitch_deg: dict[int, float] = field(default_factory=dict)


@dataclass(eq=False)
class Walker(Actor):
    """A pedestrian; its origin is the middle of its box, how it moves is in the fleet.

    Attributes:
        pose_of_client: changes to its skeleton.
        invincible: whether collisions leave it alive.
    """

    pose_of_client: CustomPose = field(default_factory=CustomPose)
    invincible: bool = True


@dataclass(eq=False)
class TrafficSign(Actor):
    """Stop, yield or speed sign.

    Attributes:
        sign_id: OpenDRIVE signal id.
        site: index in the town's tuple of signs (for a traffic light: of lights).
    """

    sign_id: str = ""
    site: int = 0


@dataclass(eq=False)
class TrafficLight(TrafficSign):
    """A traffic light; its state is in `TrafficLights`."""


@dataclass(eq=False)
class Sensor(Actor):
    """A sensor with a stream.

    Attributes:
        family: key of the layout's `sensor_type_ids`.
        tick_s: wanted time between two measurements, 0 for every tick.
        next_measurement_s: episode time of the next one; None until the first.
    """

    family: str = ""
    tick_s: float = 0.0
    next_measurement_s: float | None = None
