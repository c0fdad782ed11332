"""What idle, slow and never-reading peers cost the others: tick rate and memory of the server before and meanwhile.

Two hundred connections that say nothing or one byte a second, and a reader of a camera that never reads. Goal: the
others keep at least half their rate, and the server takes at most 64 MiB more.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from pathlib import Path

import carla
import msgpack

from benchmarks.stopwatch import machine_line, resident_mib
from carla_agents.simulator.embedded import EmbeddedServer

PEERS, PHASE_S = 200, 8.0
WIDTH, HEIGHT = 640, 360
GOAL_RATE, GOAL_MIB = 0.5, 64.0


class Dribble(threading.Thread):
    """Half of its connections stay silent, the others say one byte of a request a second."""

    def __init__(self, ports: tuple[int, int]) -> None:
        super().__init__(daemon=True)
        self.stopping = threading.Event()
        self._peers = [socket.create_connection(("127.0.0.1", ports[index % 2]), 20.0) for index in range(PEERS)]

    def run(self) -> None:
        while not self.stopping.wait(1.0):
            for peer in self._peers[::4]:
                try:
                    peer.sendall(b"\x94")
                except OSError:
                    continue
        for peer in self._peers:
            peer.close()


def ticks_per_s(world: carla.World) -> float:
    """Rate of a client that ticks as fast as it can."""
    began_s, ticks = time.perf_counter(), 0
    while time.perf_counter() - began_s < PHASE_S:
        world.tick()
        ticks += 1
    return ticks / (time.perf_counter() - began_s)


def call(port: int, name: str, *arguments: object) -> object:
    """One remote call on a connection of its own."""
    unpacker = msgpack.Unpacker(raw=False)
    with socket.create_connection(("127.0.0.1", port), 20.0) as sock:
        sock.sendall(msgpack.packb([0, 1, name, [[False], *arguments]]))
        while True:
            unpacker.feed(sock.recv(1 << 16))
            for message in unpacker:
                return message[3][0][1]


def main() -> None:
    print(machine_line())
    arguments = ["--synchronous", "--fixed-delta-s", "0.05"]
    server = EmbeddedServer(arguments, 120.0)
    client = carla.Client("127.0.0.1", server.rpc_port)
    client.set_timeout(60.0)
    world = client.get_world()
    blueprint = world.get_blueprint_library().find("sensor.camera.semantic_segmentation")
    blueprint.set_attribute("image_size_x", str(WIDTH))
    blueprint.set_attribute("image_size_y", str(HEIGHT))
    camera = world.spawn_actor(blueprint, carla.Transform(carla.Location(z=20.0), carla.Rotation(pitch=-30.0)))
    world.tick()
    pictures: list[int] = []
    camera.listen(lambda image: pictures.append(image.frame))
    for _ in range(20):
        world.tick()
    ticks_per_s(world)  # the renderer's and the client's memory has settled
    alone, before_mib = ticks_per_s(world), resident_mib(server.pid)
    Path(f"/proc/{server.pid}/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here

    (actor,) = call(server.rpc_port, "get_actors_by_id", [camera.id])  # type: ignore[misc]
    (stream_id,) = struct.unpack_from("<I", actor[5])
    (token,) = call(server.rpc_port, "get_sensor_token", stream_id)  # type: ignore[misc]
    (streaming_port,) = struct.unpack_from("<H", token, 4)
    lazy = socket.create_connection(("127.0.0.1", streaming_port), 20.0)
    lazy.sendall(struct.pack("<I", stream_id))
    dribble = Dribble((server.rpc_port, streaming_port))
    dribble.start()
    meanwhile = min(ticks_per_s(world) for _ in range(2))
    extra_mib = peak_mib(server.pid) - before_mib
    dribble.stopping.set()
    dribble.join(30.0)
    lazy.close()
    camera.stop()
    print(f"alone: {alone:.1f} ticks/s with a {WIDTH}x{HEIGHT} camera, server {before_mib:.0f} MiB")
    print(
        f"with {PEERS} idle or dribbling peers and a reader that never reads: {meanwhile:.1f} ticks/s "
        f"({meanwhile / alone:.0%}), at most {extra_mib:.1f} MiB more at its peak"
    )
    server.stop()
    good = meanwhile >= GOAL_RATE * alone and extra_mib <= GOAL_MIB
    print(f"at least {GOAL_RATE:.0%} of the rate and at most {GOAL_MIB:.0f} MiB more: {good}")
    raise SystemExit(int(not good))


def peak_mib(pid: int) -> float:
    """Largest resident memory that a process has had since the count began."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024.0


if __name__ == "__main__":
    main()
