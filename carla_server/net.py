"""The only file that opens sockets: one selector loop owns connections, world and pictures.

Theory of operation. Two listening sockets, one for remote calls and one for streams. Every socket is non-blocking.
Requests of one connection are executed in order of arrival; one that must wait is parked together with those behind
it while the loop goes on with the others. A request waits for three reasons:

* it asks for a tick, and a stream that was announced by `get_sensor_token` has not connected yet (at most 1 s):
  otherwise the first frame of a new sensor would be lost and its reader would wait for ever;
* it asks for a tick, and the Traffic Manager of its client has yet to settle (see `rhythm.py`; at most 20 ms);
* it is `get_episode_settings` in asynchronous mode, which Traffic Managers poll without a pause (1 ms).

One request is overtaken by those behind it: `load_new_episode` soon after a Traffic Manager was registered. The
manager's thread is then still in its first step, asks for actors over the same connection, and ends the client's
process if the episode changes under it.

Snapshot and measurements are written before the tick's reply; the client would spin on its processor otherwise. What
a socket does not take at once waits in its outbox; a reader that lets it grow beyond the limit is dropped.
"""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from carla_server import changeover
from carla_server.api.procedures import advances_time
from carla_server.api.simulator import Simulator
from carla_server.api.table import Dispatcher
from carla_server.connection import Connection, RpcConnection, StreamConnection
from carla_server.rhythm import LONGEST_WAIT_S
from carla_server.wire.limits import Limits
from carla_server.wire.rpc import Request, RpcWriter
from carla_server.wire.stream import Buffer, frame_prefix
from carla_server.wire.structs import InvalidArgument
from carla_server.world.population import WORLD_STREAM_ID

BARRIER_TIMEOUT_S = 1.0
SETTINGS_POLL_DELAY_S = 0.001
TRAFFIC_MANAGER_START_S = 0.4
"""What a new Traffic Manager gets for its first step before a map may be loaded."""
QUIET_S = 0.01
"""How long nobody must have asked for anything before idle work begins."""
_IDLE_S = 1.0
_BACKLOG = 128

Answer = Callable[[Request], tuple[Any, str | None]]


class PortInUse(OSError):
    """Another program listens on a port that we were told to use."""


class Server:
    """Sockets and loop: bind, `run`, and `start` serving a world once it is ready.

    Attributes:
        answer: executes a request.
        on_wake: called in the loop's thread after `wake`.
        on_idle: does a few milliseconds of work that nobody waits for, and says whether more is left; called once
            nobody has asked for anything for `QUIET_S`, again and again until somebody does or nothing is left.
        connections, parked, selector, limits, writer: shared with the connections of this file.
    """

    def __init__(
        self, host: str, rpc_port: int, streaming_port: int, *, limits: Limits | None = None, while_loading: Answer
    ) -> None:
        """Listen.

        Args:
            host: address to bind; loopback unless the user wants others to connect.
            rpc_port, streaming_port: ports, 0 for any free one.
            while_loading: answers requests until `start` is called.

        Raises:
            PortInUse: a port is taken.
        """
        self.limits = limits or Limits()
        self.selector = selectors.DefaultSelector()
        self.connections: set[Connection] = set()
        self.parked: list[RpcConnection] = []
        self.writer = RpcWriter()
        self.answer: Answer = while_loading
        self.on_wake: Callable[[], None] | None = None
        self.on_idle: Callable[[], bool] | None = None
        self._simulator: Simulator | None = None
        self._streams: dict[int, list[StreamConnection]] = {}
        self._announcers: dict[int, deque[RpcConnection]] = {}
        self._stopping = False
        self._is_quiet = False
        self._subscribes_by_s = 0.0
        self._episode_shown_s = -math.inf
        self._next_tick_s = 0.0
        self._rpc_listener = self._listen(host, rpc_port, RpcConnection)
        try:
            self._stream_listener = self._listen(host, streaming_port, StreamConnection)
        except PortInUse:
            self._rpc_listener.close()
            raise
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self.selector.register(self._wake_receiver, selectors.EVENT_READ, self._woken)

    @property
    def rpc_port(self) -> int:
        return self._rpc_listener.getsockname()[1]

    @property
    def streaming_port(self) -> int:
        return self._stream_listener.getsockname()[1]

    def start(self, simulator: Simulator, dispatcher: Dispatcher) -> None:
        """Serve a world from now on; call it from the loop's thread."""
        self._simulator = simulator
        self.answer = dispatcher.execute
        self._next_tick_s = time.monotonic()

    def run(self) -> None:
        """Loop until `stop`; then close everything."""
        try:
            while not self._stopping:
                for key, mask in self._events():
                    key.data(mask)
                if self._subscribes_by_s and time.monotonic() >= self._subscribes_by_s:
                    self._subscribes_by_s = 0.0
                if self.parked:
                    self._work_parked()
                self._tick_when_due()
        finally:
            for connection in list(self.connections):
                connection.close()
            for sock in (self._rpc_listener, self._stream_listener, self._wake_receiver, self._wake_sender):
                sock.close()
            self.selector.close()

    def stop(self) -> None:
        """Leave the loop soon; safe from signal handlers and other threads, and to repeat."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """Make the loop look around now; safe from other threads. Without effect once the loop has ended."""
        # A loop that is awake sees that it is to stop, and closes this socket, before `stop` comes here.
        with contextlib.suppress(OSError):
            self._wake_sender.send(b"x")

    def tick(self) -> None:
        """Advance the world by one tick and publish what it has to tell.

        Raises:
            InvalidArgument: the cameras could not be drawn; everything else has been published.
        """
        simulator = self._require_simulator()
        output = simulator.world.tick(simulator.world.tick_delta_s, self._streams)
        self._publish(WORLD_STREAM_ID, [output.snapshot])
        if simulator.world.ticks == 1:
            self._episode_shown_s = time.monotonic()
        for stream_id, buffers in output.measurements:
            self._publish(stream_id, buffers)
        if output.failure:
            raise InvalidArgument(output.failure)

    def log(self, message: str) -> None:
        """One line on standard error."""
        print(f"carla_server: {message}", file=sys.stderr, flush=True)

    # connections call these

    @property
    def subscribes_by_s(self) -> float:
        """Until when calls wait for a client that has loaded a map, on the monotonic clock; 0 if they do not."""
        return self._subscribes_by_s

    def may_poll(self) -> bool:
        """Whether a Traffic Manager may be at work without waiting for ticks."""
        simulator = self._simulator
        return (
            simulator is not None
            and bool(simulator.traffic_managers)
            and not simulator.world.settings.synchronous_mode
        )

    def episode_began(self) -> None:
        """A client's load has changed the episode: let everybody wait until its library has subscribed anew."""
        if WORLD_STREAM_ID in self._streams and self._require_simulator().world.layout.resubscribes_after_load:
            self._subscribes_by_s = time.monotonic() + changeover.PATIENCE_S

    def must_wait(self, request: Request, deadline_s: float | None, question_is_due: bool) -> bool:
        """Whether a request has to wait now.

        Args:
            request: the next one of a connection.
            deadline_s: set if it has waited already.
            question_is_due: whether the connection's Traffic Manager has yet to ask for the settings before a tick.
        """
        simulator = self._simulator
        if simulator is None:
            return False
        expired = deadline_s is not None and time.monotonic() >= deadline_s
        if advances_time(request):
            if not simulator.announced:
                return question_is_due and not expired
            if expired:
                waited_for = sorted(simulator.announced)
                self.log(f"streams {waited_for} were announced {BARRIER_TIMEOUT_S} s ago and have not connected")
                simulator.announced.clear()
                self._announcers.clear()
            return not expired
        polls = request.name == "get_episode_settings" and not simulator.world.settings.synchronous_mode
        return polls and not expired

    def patience_s(self, request: Request) -> float:
        """How long a request may be parked."""
        if not advances_time(request):
            return SETTINGS_POLL_DELAY_S
        return BARRIER_TIMEOUT_S if self._simulator is not None and self._simulator.announced else LONGEST_WAIT_S

    def announced(self, connection: RpcConnection, request: Request) -> None:
        """A client has asked for the token of a stream; remember who, in case it dies before it subscribes."""
        stream_id = request.arguments[0] if request.arguments else None
        if self._simulator is not None and isinstance(stream_id, int):
            waiting = self._announcers.setdefault(stream_id, deque())
            if self._simulator.announced.get(stream_id, 0) > len(waiting):
                waiting.append(connection)

    def withdraw(self, connection: RpcConnection) -> None:
        """A client has left: nobody waits any longer for the subscriptions that it announced."""
        for stream_id, waiting in list(self._announcers.items()):
            while connection in waiting:
                waiting.remove(connection)
                self._arrived(stream_id)

    def due_s(self, request: Request) -> float:
        """When a request may be executed at the earliest, on the monotonic clock; 0 for at once."""
        if request.name != "load_new_episode" or self._simulator is None:
            return 0.0
        return max(
            self._simulator.traffic_manager_added_s + TRAFFIC_MANAGER_START_S,
            self._episode_shown_s + changeover.DIGESTION_S,
        )

    def subscribed(self, connection: StreamConnection) -> None:
        """A stream connection has said what it wants."""
        self._streams.setdefault(connection.stream_id, []).append(connection)
        simulator = self._simulator
        if simulator is None:
            return
        waiting = self._announcers.get(connection.stream_id)
        if waiting:
            waiting.popleft()
        self._arrived(connection.stream_id)
        if connection.stream_id == WORLD_STREAM_ID and simulator.world.last_snapshot is not None:
            snapshot = simulator.world.last_snapshot
            connection.send([frame_prefix([snapshot]), snapshot])
        if connection.stream_id == WORLD_STREAM_ID:
            self._subscribes_by_s = 0.0

    def unsubscribed(self, connection: StreamConnection) -> None:
        """A subscriber has left."""
        readers = self._streams[connection.stream_id]
        readers.remove(connection)
        if not readers:
            del self._streams[connection.stream_id]

    # inside

    def _arrived(self, stream_id: int) -> None:
        """One announced subscription less to wait for."""
        announced = self._require_simulator().announced
        if announced[stream_id] > 1:
            announced[stream_id] -= 1
        else:
            del announced[stream_id]

    def _listen(self, host: str, port: int, kind: type[RpcConnection] | type[StreamConnection]) -> socket.socket:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise PortInUse(f"cannot listen on {host}:{port}: {error.strerror}") from error
        listener.setblocking(False)

        def accept(_: int) -> None:
            try:
                sock, _address = listener.accept()
            except OSError:
                return
            if len(self.connections) >= self.limits.max_connections:
                sock.close()
                self.log(f"refused a connection: {self.limits.max_connections} are open")
                return
            self.connections.add(kind(self, sock))

        self.selector.register(listener, selectors.EVENT_READ, accept)
        return listener

    def _woken(self, _: int) -> None:
        self._wake_receiver.recv(4096)
        if self.on_wake is not None:
            self.on_wake()

    def _publish(self, stream_id: int, buffers: Sequence[Buffer]) -> None:
        readers = self._streams.get(stream_id)
        if readers:
            frame = [frame_prefix(buffers), *buffers]
            for reader in list(readers):
                reader.send(frame)

    def _events(self) -> Sequence[tuple[selectors.SelectorKey, int]]:
        """Wait for sockets, at most until the loop itself has something to do; idle work fills the time."""
        while self.on_idle is not None and not self._stopping:
            quiet_s = 0.0 if self._is_quiet else QUIET_S
            events = self.selector.select(min(quiet_s, self._timeout_s()))
            self._is_quiet = not events and self._timeout_s() > 0.0
            if not self._is_quiet:
                return events
            try:
                more = self.on_idle()
            except Exception:
                self.log("preparing for cameras failed; the first camera tries again")
                traceback.print_exc(file=sys.stderr)
                more = False
            if not more:
                self.on_idle = None
        return self.selector.select(self._timeout_s())

    def _work_parked(self) -> None:
        parked, self.parked = self.parked, []
        for connection in parked:
            if connection.open:
                connection.work()
                if connection.deadline_s and connection not in self.parked:
                    self.parked.append(connection)

    def _timeout_s(self) -> float:
        moments = [connection.deadline_s for connection in self.parked]
        if self._subscribes_by_s:
            moments.append(self._subscribes_by_s)
        if self._ticks_by_itself():
            moments.append(self._next_tick_s)
        if not moments:
            return _IDLE_S
        return min(max(min(moments) - time.monotonic(), 0.0), _IDLE_S)

    def _ticks_by_itself(self) -> bool:
        """Asynchronous mode, and somebody watches: a world without observers stands still."""
        simulator = self._simulator
        if simulator is None or simulator.world.settings.synchronous_mode or self._subscribes_by_s:
            return False
        return bool(self._streams)

    def _tick_when_due(self) -> None:
        if not self._ticks_by_itself():
            self._next_tick_s = time.monotonic()
            return
        now_s = time.monotonic()
        if now_s >= self._next_tick_s:
            try:
                self.tick()
            except InvalidArgument as error:
                self.log(f"frame {self._require_simulator().world.frame}: {error}")
            except Exception:
                self.log("a tick failed; the server goes on with the next one")
                traceback.print_exc(file=sys.stderr)
            delta_s = self._require_simulator().world.tick_delta_s
            self._next_tick_s = max(self._next_tick_s + delta_s, now_s)

    def _require_simulator(self) -> Simulator:
        if self._simulator is None:
            raise RuntimeError("the server has no world yet: call start() first")
        return self._simulator
