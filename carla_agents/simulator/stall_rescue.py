"""The child process of `StallWatch`: wakes a Traffic Manager that has lost a wake-up.

A hung `world.tick()` holds Python's lock, so only another process can help. It is started by the path of this file
and uses the standard library and msgpack alone: importing the package would cost a second and a hundred megabytes.
"""

from __future__ import annotations

import mmap
import os
import select
import socket
import struct
import sys
import time
from typing import Any

import msgpack

BOARD_BYTES = mmap.PAGESIZE
"""Size of the memory shared with the client; the fields follow."""
TICK_BEGUN = struct.Struct("<QI")
"""At 0: number of the last tick begun, id of the thread that ticks."""
TICK_ENDED, ENDED_AT = struct.Struct("<Q"), 16
"""Number of the last tick ended."""
RESCUES, RESCUES_AT = struct.Struct("<Q"), 24
"""How often this process has stepped in; written before it does."""
MANAGER, MANAGER_AT = struct.Struct("<II"), 32
"""Port of the Traffic Manager (0 is none), number of its threads; their ids follow."""
THREADS_AT, MAX_THREADS = 40, 64

POLL_S = 0.5
PATIENCE_S = 3.0
"""How long the embedded server has to be idle, with a tick still unfinished, until the tick counts as stalled."""
MARGIN_S = 5.0
"""Where the server cannot be watched: how much longer than a call's time-out a tick has to stand still."""
_SERVER_NOISE_CLOCK_TICKS = 1
_WAKE_TIMEOUT_S = 5.0


class Rescuer:
    """Tells a stalled tick from a slow one, and wakes the Traffic Manager of the former only.

    A tick is stalled if neither the thread that called it nor the Traffic Manager's have run at all for a while: not
    waited for a processor, not polled, not woken once. What other threads of the client do is no matter; some wait
    for Python's lock, which wakes them 200 times a second. A tick that waits for the server looks the same from here,
    so the server has to be idle too, or any call to it must have run into its time-out.

    Args:
        board: memory shared with the client.
        client_pid: the process that ticks.
        server_pid: the embedded server; None if the server runs elsewhere.
        timeout_s: of the client's calls.
    """

    def __init__(self, board: mmap.mmap, client_pid: int, server_pid: int | None, timeout_s: float) -> None:
        self._board = board
        self._client_pid = client_pid
        self._server_pid = server_pid
        self._timeout_s = timeout_s
        self._looked_s = 0.0
        self._still: tuple[int, ...] | None = None
        self._still_since_s = 0.0
        self._server_clock_ticks: int | None = None
        self._server_idle_since_s = 0.0

    def look(self, now_s: float) -> bool:
        """Look once, and help if needed; to be called every `POLL_S`.

        Args:
            now_s: a monotonic clock.

        Returns:
            whether the Traffic Manager was woken.
        """
        if now_s - self._looked_s > 3 * POLL_S:
            # We stood still ourselves, as after the machine was suspended: that says nothing about the others.
            self._still = self._server_clock_ticks = None
        self._looked_s = now_s
        begun, thread_id = TICK_BEGUN.unpack_from(self._board, 0)
        port, thread_count = MANAGER.unpack_from(self._board, MANAGER_AT)
        if begun == self._ended() or port == 0:
            self._still = None
            return False
        thread_ids = struct.unpack_from(f"<{thread_count}I", self._board, THREADS_AT)
        self._watch_threads(begun, (thread_id, *thread_ids), now_s)
        self._watch_server(now_s)
        if self._still is None or not self._is_stalled(now_s):
            return False
        self._still = None
        # Counted first: then a tick that ends by itself just now is at worst suspected, never silently altered.
        RESCUES.pack_into(self._board, RESCUES_AT, RESCUES.unpack_from(self._board, RESCUES_AT)[0] + 1)
        if begun == self._ended():
            return False
        wake(port)
        return True

    def _ended(self) -> int:
        return TICK_ENDED.unpack_from(self._board, ENDED_AT)[0]

    def _is_stalled(self, now_s: float) -> bool:
        still_s = now_s - self._still_since_s
        if still_s >= self._timeout_s + MARGIN_S:
            return True
        server_idle = self._server_clock_ticks is not None and now_s - self._server_idle_since_s >= PATIENCE_S
        return server_idle and still_s >= PATIENCE_S

    def _watch_threads(self, begun: int, thread_ids: tuple[int, ...], now_s: float) -> None:
        switches = [_switches_if_asleep(self._client_pid, thread_id) for thread_id in thread_ids]
        still = None if None in switches else (begun, *(count or 0 for count in switches))
        if still != self._still:
            self._still, self._still_since_s = still, now_s

    def _watch_server(self, now_s: float) -> None:
        if self._server_pid is None:
            return
        used = _clock_ticks_if_asleep(self._server_pid)
        before = self._server_clock_ticks
        if used is None or before is None or used > before + _SERVER_NOISE_CLOCK_TICKS:
            self._server_clock_ticks, self._server_idle_since_s = used, now_s


def wake(port: int) -> None:
    """Make the Traffic Manager of another process take a step and tell everybody who waits for it.

    Leaving synchronous mode wakes its thread, and the end of the step wakes the thread that ticks. Both requests
    travel together, so that the second arrives long before the step ends and no further step follows.

    Args:
        port: of the Traffic Manager's own MessagePack-RPC server.

    Raises:
        OSError: nothing listens there, or it did not answer in time.
        ValueError: the answer is not the Traffic Manager's.
    """
    modes = (False, True)
    requests = [msgpack.packb([0, number, "set_synchronous_mode", [mode]]) for number, mode in enumerate(modes)]
    with socket.create_connection(("127.0.0.1", port), _WAKE_TIMEOUT_S) as connection:
        connection.sendall(b"".join(requests))
        replies = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=1 << 16)
        answered: list[Any] = []
        while len(answered) < len(requests):
            data = connection.recv(4096)
            if not data:
                raise ValueError("it closed the connection")
            replies.feed(data)
            answered += replies
    for reply in answered:
        if not (isinstance(reply, list) and len(reply) == 4 and reply[0] == 1 and reply[2] is None):
            raise ValueError(f"it answered {str(reply)[:80]!r}")


def _switches_if_asleep(process_id: int, thread_id: int) -> int | None:
    """How often a thread has been taken off a processor; None if it runs, wants to, was stopped or is gone."""
    try:
        with open(f"/proc/{process_id}/task/{thread_id}/status", encoding="ascii", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line)
    except (FileNotFoundError, ProcessLookupError):
        return None
    if not fields["State"].strip().startswith("S"):
        return None
    return int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])


def _clock_ticks_if_asleep(process_id: int) -> int | None:
    """Processor time of a process; None if one of its threads runs, wants to or was stopped, or it is gone."""
    try:
        thread_ids = os.listdir(f"/proc/{process_id}/task")
        if any(_switches_if_asleep(process_id, int(thread_id)) is None for thread_id in thread_ids):
            return None
        with open(f"/proc/{process_id}/stat", "rb") as file:
            # "pid (name) state ...": the name may hold anything; user and system time are fields 14 and 15.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[11]) + int(fields[12])


def main(arguments: list[str]) -> None:
    """Watch until the client ends or closes our standard input.

    Args:
        arguments: file descriptor of the shared memory, process ids of client and server (0 is none), the
            time-out of the client's calls in seconds.
    """
    descriptor, client_pid, server_pid = (int(text) for text in arguments[:3])
    with mmap.mmap(descriptor, BOARD_BYTES) as board:
        rescuer = Rescuer(board, client_pid, server_pid or None, float(arguments[3]))
        leash = select.poll()
        leash.register(sys.stdin.fileno())
        while os.getppid() == client_pid and not leash.poll(POLL_S * 1000):
            try:
                rescuer.look(time.monotonic())
            except (OSError, ValueError) as error:
                print(
                    f"the Traffic Manager of process {client_pid} is stalled and cannot be woken ({error}); "
                    "trying again in a few seconds, otherwise end that process and start it again",
                    file=sys.stderr,
                    flush=True,
                )


if __name__ == "__main__":
    main(sys.argv[1:])
