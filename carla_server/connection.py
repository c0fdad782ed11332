"""One peer of the server: a non-blocking socket, what waits to be sent to it, and what it has asked for."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from carla_server.api.procedures import NOT_AT_ONCE, advances_time
from carla_server.changeover import FIRST_QUESTIONS, POLLING_S
from carla_server.rhythm import QUESTION, Rhythm
from carla_server.wire.rpc import ProtocolError, Request, RpcReader, void_ok
from carla_server.wire.stream import Buffer, SubscriptionReader

if TYPE_CHECKING:
    from carla_server.net import Server

_RECEIVE_BYTES = 1 << 16  # beyond 128 KiB the C library asks the system for the memory of every call
_BUFFERS_PER_SEND = 64


class Connection:
    """A non-blocking socket with an outbox."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server = server
        self.sock = sock
        self.open = True
        self._outbox: deque[memoryview] = deque()
        self._waiting_bytes = 0
        server.selector.register(sock, selectors.EVENT_READ, self.on_event)

    def on_event(self, mask: int) -> None:
        """React to the selector."""
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if mask & selectors.EVENT_READ and self.open:
            try:
                data = self.sock.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            try:
                self.received(data)
            except ProtocolError as error:
                self.server.log(f"closed a connection: {error}")
                self.close()

    def received(self, data: bytes) -> None:
        """Handle bytes from the peer."""
        raise NotImplementedError

    def send(self, buffers: Sequence[Buffer]) -> None:
        """Send now what the socket takes and keep the rest; drop a peer who lets more than the limit wait."""
        if not self.open:
            return
        sent = 0
        if not self._outbox:
            try:
                if len(buffers) == 1:
                    sent = self.sock.send(buffers[0])
                    if sent == len(buffers[0]) and type(buffers[0]) is bytes:
                        return  # what nearly all replies are like
                else:
                    sent = self.sock.sendmsg(buffers)
            except BlockingIOError:
                pass
            except OSError:
                self.close()
                return
            if sent == sum([memoryview(buffer).nbytes for buffer in buffers]):
                return
            self.server.selector.modify(self.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, self.on_event)
        views = _after([memoryview(buffer).cast("B") for buffer in buffers], sent)
        self._outbox.extend(views)
        added = sum(view.nbytes for view in views)
        self._waiting_bytes += added
        if self._waiting_bytes > max(self.server.limits.max_outbox_bytes, 2 * added):
            self.server.log(f"dropped a reader that left {self._waiting_bytes >> 20} MiB unread")
            self.close()

    def close(self) -> None:
        """Close the socket; safe to repeat."""
        if self.open:
            self.open = False
            self.server.selector.unregister(self.sock)
            self.sock.close()
            self._outbox.clear()
            self.server.connections.discard(self)

    def _flush(self) -> None:
        try:
            sent = self.sock.sendmsg([*self._outbox][:_BUFFERS_PER_SEND])
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._waiting_bytes -= sent
        while sent and self._outbox:
            view = self._outbox.popleft()
            if view.nbytes > sent:
                self._outbox.appendleft(view[sent:])
                return
            sent -= view.nbytes
        if not self._outbox:
            self.server.selector.modify(self.sock, selectors.EVENT_READ, self.on_event)


class RpcConnection(Connection):
    """One client's remote calls."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        super().__init__(server, sock)
        self._reader = RpcReader(server.limits)
        self._requests: deque[Request] = deque()
        self._deadline_s: float | None = None
        self._postponed: Request | None = None
        self._postponed_until_s = 0.0
        self._rhythm = Rhythm()
        self._held = False
        self._postponed_for_question = False
        self._loads_by_s = 0.0

    def received(self, data: bytes) -> None:
        self._requests.extend(self._reader.feed(data))
        self.work()

    def work(self) -> None:
        """Execute requests until none is left or the next one has to wait; their replies go out together."""
        replies: list[Buffer] = []
        self._held = False
        if self._postponed is not None and (
            time.monotonic() >= self._postponed_until_s or (self._postponed_for_question and self._find(QUESTION))
        ):
            self._requests.appendleft(self._postponed)
            self._postponed = None
        while self._requests and self.open:
            if self.server.subscribes_by_s and not self._first_question_to_the_front():
                self._held = True
                if self not in self.server.parked:
                    self.server.parked.append(self)
                break
            request = self._requests[0]
            if request.name not in NOT_AT_ONCE:
                self._requests.popleft()
                result, error = self.server.answer(request)
                replies.append(self.server.writer.reply(request.message_id, result, error))
                if len(replies) == _BUFFERS_PER_SEND:
                    self.send(replies)
                    replies = []
                continue
            if request.name == "load_new_episode" and self._postponed is None and self._postpone(request):
                continue
            ticks = advances_time(request)
            question_is_due = ticks and self._rhythm.question_is_due
            if question_is_due and (question := self._find(QUESTION)) is not None:
                # It came behind the tick that must not overtake it; it changes nothing, so it may go first.
                self._requests.remove(question)
                self._requests.appendleft(question)
                continue
            if self.server.must_wait(request, self._deadline_s, question_is_due):
                if self._deadline_s is None:
                    self._deadline_s = time.monotonic() + self.server.patience_s(request)
                    self.server.parked.append(self)
                break
            self._deadline_s = None
            self._requests.popleft()
            if ticks and replies:  # what the client waits for must not wait for a tick
                self.send(replies)
                replies = []
            result, error = self.server.answer(request)
            if request.name == "get_sensor_token":
                self.server.announced(self, request)
            elif request.name == "load_new_episode" and result == void_ok():
                self.server.episode_began()
            elif request.name == QUESTION:
                self._rhythm.answered()
            elif ticks:
                self._rhythm.ticked()
            replies.append(self.server.writer.reply(request.message_id, result, error))
            if len(replies) == _BUFFERS_PER_SEND:
                self.send(replies)
                replies = []
        if replies:
            self.send(replies)

    def close(self) -> None:
        if self.open:
            self.server.withdraw(self)
        super().close()

    def _postpone(self, request: Request) -> bool:
        """Let a load be overtaken while this client's Traffic Manager could not bear it; whether it is."""
        now_s, due_s = time.monotonic(), self.server.due_s(request)
        self._postponed_for_question = due_s <= now_s
        if due_s <= now_s:
            polls = self.server.may_poll() and self._rhythm.asked_within(POLLING_S)
            due_s = self._loads_by_s or now_s + POLLING_S
            self._loads_by_s = 0.0
            if now_s >= due_s or not polls or self._find(QUESTION):
                return False
            self._loads_by_s = due_s
        self._postponed, self._postponed_until_s = self._requests.popleft(), due_s
        self.server.parked.append(self)
        return True

    def _first_question_to_the_front(self) -> bool:
        """Move what a library asks after a load before all that has to wait; whether there is such a call."""
        for request in self._requests:
            if request.name in FIRST_QUESTIONS:
                self._requests.remove(request)
                self._requests.appendleft(request)
                return True
        return False

    def _find(self, name: str) -> Request | None:
        return next((request for request in self._requests if request.name == name), None)

    @property
    def deadline_s(self) -> float:
        """When the parked or postponed request is executed at the latest, on the monotonic clock; 0 if none is."""
        if self._held:
            return self.server.subscribes_by_s
        moments = [self._deadline_s] if self._deadline_s is not None else []
        if self._postponed is not None:
            moments.append(self._postponed_until_s)
        return min(moments, default=0.0)


class StreamConnection(Connection):
    """One subscription."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        super().__init__(server, sock)
        self._reader = SubscriptionReader()
        self.stream_id = 0

    def received(self, data: bytes) -> None:
        stream_id = self._reader.feed(data)
        if stream_id is not None:
            self.stream_id = stream_id
            self.server.subscribed(self)

    def close(self) -> None:
        if self.open and self.stream_id:
            self.server.unsubscribed(self)
        super().close()


def _after(views: list[memoryview], sent: int) -> list[memoryview]:
    """What remains of buffers of which the first `sent` bytes are gone."""
    rest = []
    for view in views:
        if sent >= view.nbytes:
            sent -= view.nbytes
        else:
            rest.append(view[sent:])
            sent = 0
    return rest
