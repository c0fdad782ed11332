"""What can go wrong between us and a simulator; every message says what happened and what to do next."""

from __future__ import annotations


class SimulatorError(RuntimeError):
    """Base of every fault of the simulator or of the connection to it."""


class ConnectionFailed(SimulatorError):
    """No usable CARLA server at an address; its four subclasses tell the cases apart."""


class NothingListens(ConnectionFailed):
    """The port is closed or the host cannot be reached."""


class NotACarlaServer(ConnectionFailed):
    """Something listens on the port, but it does not speak CARLA's protocol."""


class VersionDiffers(ConnectionFailed):
    """A CARLA server of another version than the installed client listens."""


class StillLoading(ConnectionFailed):
    """The right server listens but has not finished loading its map."""


class ServerLost(SimulatorError):
    """The server died or stopped answering during a session."""


class TrafficManagerStalled(SimulatorError):
    """A tick hung on CARLA's Traffic Manager and had to be woken; what was under way has to be done again."""


class ExtensionMissing(SimulatorError):
    """The server lacks a service beyond CARLA's that was asked for."""


class SpawnFailed(SimulatorError):
    """An actor could not be created."""


class SensorTimeout(SimulatorError):
    """A sensor did not deliver the wanted frame.

    Attributes:
        sensor: name of the sensor in its rig.
        frame_id: the frame that was waited for.
    """

    def __init__(self, sensor: str, frame_id: int, reason: str) -> None:
        super().__init__(f"sensor {sensor!r} did not deliver frame {frame_id}: {reason}")
        self.sensor = sensor
        self.frame_id = frame_id
