"""What the handlers work on: the world and what surrounds it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from carla_server.recorder.recordings import Recordings
from carla_server.roads.generation import Generation
from carla_server.wire.stream import pack_token
from carla_server.world.actors import Actor
from carla_server.world.town_source import TownSource
from carla_server.world.world import World


@dataclass
class Simulator:
    """One server's state apart from its sockets.

    Attributes:
        world: the simulated world.
        towns: where `load_world` gets its maps.
        streaming_port: port that tokens name.
        traffic_managers: port -> address of the Traffic Managers that clients have registered.
        traffic_manager_added_s: when the last one was, on the monotonic clock.
        opendrive: text and parameters left by `copy_opendrive_to_file` for the next load of "OpenDriveMap".
        announced: stream id -> subscriptions that were asked for but have not connected yet.
        recordings: what is recorded and replayed, and where.
        style: art style of colour cameras.
    """

    world: World
    towns: TownSource
    streaming_port: int
    traffic_managers: dict[int, str] = field(default_factory=dict)
    traffic_manager_added_s: float = -math.inf
    opendrive: tuple[str, Generation] | None = None
    announced: Counter[int] = field(default_factory=Counter)
    recordings: Recordings = field(default_factory=lambda: Recordings(Path.cwd()))
    style: str = "default"

    def __post_init__(self) -> None:
        self.world.tape = self.recordings

    def token(self, stream_id: int) -> bytes:
        """Token of a stream; empty for actors without one."""
        return pack_token(stream_id, self.streaming_port) if stream_id else b""

    def actor_to_wire(self, actor: Actor) -> list:
        """carla.Actor as an array."""
        return actor.to_wire(self.world.layout, self.token(actor.stream_id))
