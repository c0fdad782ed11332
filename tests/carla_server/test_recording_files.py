"""Recordings as files: real servers' layout, damage, and reading what another program wrote."""

import struct
from pathlib import Path

import numpy as np
import pytest

from carla_server.recorder import report
from carla_server.recorder.packets import (
    FRAME_START,
    ActorAdded,
    DamagedRecording,
    Packet,
    pack_actors,
    pack_header,
    pack_packet,
    pack_table,
)
from carla_server.recorder.recording import Recording


def carla_frame(number, duration_s, elapsed_s, x_cm):
    """A frame as a real server writes it: without our packets, with one that we do not know."""
    car = ActorAdded(9, 1, (x_cm, 200.0, 30.0), (0.0, 1.0, 90.0), 0, "vehicle.audi.tt", ((3, "role_name", "hero"),))
    return b"".join(
        (
            pack_packet(Packet.FRAME_START, FRAME_START.pack(number, duration_s, elapsed_s)),
            pack_actors([car] if number == 1 else []),
            pack_packet(20, struct.pack("<d", 3.5)),
            pack_table(Packet.COLLISIONS, [(0, 9, 0xFFFFFFFF, 1, 0)] if number == 2 else []),
            pack_table(Packet.POSITIONS, [(9, (x_cm, 200.0, 30.0), (0.0, 1.0, 90.0))]),
            pack_packet(Packet.FRAME_END),
        )
    )


@pytest.fixture
def path(tmp_path) -> Path:
    file = tmp_path / "real.log"
    frames = [carla_frame(1, 0.1, 0.0, 100.0), carla_frame(2, 40.0, 0.1, 101.0), carla_frame(3, -1.0, 40.1, 900.0)]
    file.write_bytes(pack_header("Carla/Maps/Town01", 1_600_000_000) + b"".join(frames))
    return file


def test_the_text_about_a_recording_of_a_real_server(path):
    recording = Recording(path)
    assert (recording.map_name, recording.version, len(recording)) == ("Carla/Maps/Town01", 1, 3)
    assert report.file_info(recording, show_all=False).splitlines()[4:] == [
        "Frame 1 at 0 seconds",
        " Create 9: vehicle.audi.tt (1) at (100, 200, 30)",
        "  role_name = hero",
        "",
        "Frame 2 at 0.1 seconds",
        " Collision id 0 between 9 (hero)  with 4294967295",
        "",
        "",
        "",
        "Frames: 3",
        "Duration: 40.1 seconds",
    ]
    shown = report.file_info(recording, show_all=True)
    assert "  Id: 9 Location: (900, 200, 30) Rotation: (0, 1, 90)" in shown
    crash = report.collisions(recording, "h", "o").splitlines()
    assert crash[4] == f"    Time  Types     Id {'Actor 1':<35}     Id {'Actor 2':<35}"
    assert crash[5] == f"       0   v o       9 {'vehicle.audi.tt':<35} 4294967295 {'':<35}"
    assert report.blocked(recording, 30.0, 10.0).splitlines()[4:6] == [
        f"    Time     Id {'Actor':<35}   Duration",
        f"       0      9 {'vehicle.audi.tt':<35}         40",
    ]


def test_every_cut_and_every_changed_length_is_an_error_that_names_the_byte(path):
    data = path.read_bytes()
    begins = {data.index(pack_packet(Packet.FRAME_START, FRAME_START.pack(2, 40.0, 0.1)))}
    begins |= {data.index(pack_packet(Packet.FRAME_START, FRAME_START.pack(1, 0.1, 0.0)))}
    begins |= {data.index(pack_packet(Packet.FRAME_START, FRAME_START.pack(3, -1.0, 40.1)))}
    for length in range(len(data)):
        path.write_bytes(data[:length])
        if length in begins:
            Recording(path)  # whole frames are a whole recording
            continue
        with pytest.raises(DamagedRecording, match=r"damaged at byte \d+|not a CARLA recording"):
            Recording(path)


def test_random_damage_never_raises_anything_else(path):
    data = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(500):
        broken = bytearray(data)
        for at in random.integers(0, len(data), random.integers(1, 4)):
            broken[at] = random.integers(0, 256)
        path.write_bytes(broken)
        try:
            recording = Recording(path)
        except DamagedRecording:
            refused += 1
            continue
        texts = (
            report.file_info(recording, show_all=True),
            report.collisions(recording, "a", "a"),
            report.blocked(recording, 1.0, 1.0),
        )
        assert all("Frames: " in text for text in texts)
    assert refused > 100
