"""An agent in an interpreter of its own: an older Python, its own torch and mmcv, its own `carla` client.

The evaluator keeps the simulator, the sensors and the clock; the agent's process gets the gathered data of each tick
and answers with a control. The process is started once and serves drive after drive. It ends when the evaluator does,
and a crash, a hang or an error of it is the agent's failure, never the evaluator's. Only SIGKILL comes from outside:
it leaves the drive without an outcome.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import carla
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider
from srunner.scenariomanager.timer import GameTime

from leaderboard.agent_loading import AgentFileError
from leaderboard.agent_protocol import PeerGone, ProtocolError, receive, send
from leaderboard.autoagents.agent_wrapper import AgentError, AgentKilled
from leaderboard.autoagents.autonomous_agent import Track
from leaderboard.envs.sensor_interface import SensorInterface

_PACKAGES = Path(__file__).resolve().parents[1]
_Plan = Sequence[tuple[carla.Transform, Any]]


def interpreter_of(place: Path) -> Path:
    """The interpreter that `--agent-python` means: itself, or `bin/python` of an environment's folder.

    Raises:
        AgentFileError: neither.
    """
    found = place / "bin" / "python" if place.is_dir() else place
    if not found.is_file() or not os.access(found, os.X_OK):
        raise AgentFileError(f"agent python {place} is neither an interpreter nor a folder with bin/python")
    return found


class AgentProcess:
    """The process of one agent file.

    Args:
        python: interpreter or folder of an environment; it needs `numpy` and `carla`.
        agent_file: Python file with `get_entry_point()`.
        timeout_s: how long it may take to start, and for each call.
        metric: whether each step also asks for `get_metric_info`.

    Attributes:
        takes_only_a_path: whether the agent's class is made as in Leaderboard 1.0.
        python_version: of the interpreter, as it says.

    Raises:
        AgentFileError: the interpreter or the agent's file cannot be used.
    """

    def __init__(self, python: Path, agent_file: Path, timeout_s: float, *, metric: bool = False) -> None:
        self._python = interpreter_of(python)
        self._agent_file = agent_file
        self._timeout_s = timeout_s
        self.metric = metric
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self.takes_only_a_path = False
        self.python_version = ""
        self._start()

    def begin(self, host: str, port: int, hero_id: int, plan: _Plan) -> None:
        """Start a drive: the process connects to the simulator by itself; it is started anew if it is gone."""
        if self._connection is None:
            self._start()
        self.call("begin", host=host, port=port, hero_id=hero_id, plan=_points(plan))

    def make(self, *arguments: Any) -> RemoteAgent:
        """Make the agent; the arguments of its constructor."""
        self.call("make", arguments=list(arguments))
        return RemoteAgent(self)

    def call(self, name: str, **arguments: Any) -> Any:
        """Let the process do something and wait for what it says.

        Raises:
            AgentError: the agent raised, its process ended, or it took too long; what runs on is ended.
            AgentKilled: somebody killed its process.
        """
        connection = self._connection
        if connection is None:
            raise AgentError(f"the agent's process is not running; {name} cannot be called")
        answered = False
        try:
            send(connection, {"name": name, "arguments": arguments})
            reply = receive(connection)
            answered = True
        except PeerGone as error:
            self._raise_if_killed(name)
            raise AgentError(f"the agent's process ended during {name} with {self._ending()}") from error
        except TimeoutError as error:
            raise AgentError(f"the agent's {name} took longer than {self._timeout_s:g} s") from error
        except ProtocolError as error:
            raise AgentError(f"{name} of the agent: {error}") from error
        finally:
            if not answered:  # also when a time limit interrupts: what comes later would answer the wrong call
                self.close()
        if "error" in reply:
            raise AgentError(reply["error"])
        return reply["result"]

    def close(self) -> None:
        """End the process; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        script = str(Path(__file__).with_name("agent_child.py"))
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the user names
                [str(self._python), script, str(theirs.fileno()), str(_PACKAGES), str(self._agent_file.resolve())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=2,  # an agent may print; our own output is not its place
                start_new_session=True,
            )
        ours.settimeout(self._timeout_s)
        self._connection = ours
        try:
            hello = receive(ours)
        except (PeerGone, ProtocolError, TimeoutError) as error:
            ending = self._ending()
            try:
                self._raise_if_killed("its start")
            finally:
                self.close()
            raise AgentFileError(
                f"{self._python} cannot run the agent ({type(error).__name__}, {ending}); see what it printed above. "
                "It needs Python 3.7 or newer with numpy and carla"
            ) from error
        if "file_error" in hello:
            self.close()
            raise AgentFileError(hello["file_error"])
        self.takes_only_a_path, self.python_version = bool(hello["by_path"]), str(hello["python"])

    def _raise_if_killed(self, during: str) -> None:
        self._ending()
        if self._process is not None and self._process.returncode == -signal.SIGKILL:
            raise AgentKilled(
                f"the agent's process was killed during {during}: by a user, a batch system or for want of memory"
            )

    def _ending(self) -> str:
        process = self._process
        if process is None:
            return "no status"
        try:
            return f"status {process.wait(1.0)}"
        except subprocess.TimeoutExpired:
            return "no status: it still runs"


class RemoteAgent:
    """Looks to the evaluator like an `AutonomousAgent`; made by `AgentProcess.make`.

    Attributes:
        track, sensor_interface, plan_spacing_m: as an `AutonomousAgent` has them.
    """

    def __init__(self, process: AgentProcess) -> None:
        self._process = process
        self._metric: dict[str, Any] | None = None
        self._ros_version = -1
        self.track = Track.SENSORS
        self.sensor_interface = SensorInterface()
        self.plan_spacing_m = 200.0

    def set_global_plan(self, gps: Sequence[tuple[dict[str, float], Any]], plan: _Plan) -> None:
        """See `AutonomousAgent.set_global_plan`."""
        places = [[place, int(command)] for place, command in gps]
        self._process.call("set_global_plan", gps=places, plan=_points(plan), spacing_m=self.plan_spacing_m)

    def setup(self, path_to_conf_file: str) -> None:
        """See `AutonomousAgent.setup`."""
        self._process.call("setup", text=path_to_conf_file)

    def sensors(self) -> list[dict[str, Any]]:
        """See `AutonomousAgent.sensors`; `track` is known afterwards.

        Raises:
            AgentError: the agent names a track that does not exist.
        """
        said = self._process.call("sensors")
        try:
            self.track = Track(said["track"])
        except ValueError:
            raise AgentError(
                f"the agent's track is {said['track']!r}; known are {[t.value for t in Track]}"
            ) from None
        self._ros_version = int(said["ros_version"])
        return list(said["sensors"])

    def __call__(self) -> carla.VehicleControl:
        """One decision about the tick under way."""
        data = self.sensor_interface.get_data(GameTime.get_frame())
        world = CarlaDataProvider.get_world()
        if world is None:
            raise RuntimeError("CarlaDataProvider has no world")
        stamp = world.get_snapshot().timestamp
        times = {
            name: getattr(stamp, name) for name in ("frame", "elapsed_seconds", "delta_seconds", "platform_timestamp")
        }
        said = self._process.call("step", data=data, stamp=times, metric=self._process.metric)
        if said["control"] is None:
            raise AgentError(f"run_step returned {said['type']}, expected carla.VehicleControl")
        self._metric = said["metric"]
        return carla.VehicleControl(**said["control"])

    def get_metric_info(self) -> dict[str, Any]:
        """What the agent said of the tick that it was last asked about."""
        return dict(self._metric or {})

    def get_ros_version(self) -> int:
        """As the agent says; -1: no ROS."""
        return self._ros_version

    def destroy(self) -> None:
        """Let the agent free what `setup` took; the process stays for the next drive."""
        with contextlib.suppress(AgentError, AgentKilled):  # it has been said why it is gone
            self._process.call("destroy")


def _points(plan: _Plan) -> list[tuple[float, ...]]:
    return [
        (
            pose.location.x,
            pose.location.y,
            pose.location.z,
            pose.rotation.pitch,
            pose.rotation.yaw,
            pose.rotation.roll,
            int(command),
        )
        for pose, command in plan
    ]
