"""A sensor's data is handed out for exactly the frame asked for."""

import threading
import time

import pytest

from carla_agents.simulator.errors import SensorTimeout
from carla_agents.simulator.rig import FrameStream


def soon(seconds: float = 0.05) -> float:
    return time.monotonic() + seconds


def test_the_wanted_frame_is_returned_and_older_ones_are_dropped() -> None:
    stream = FrameStream("rgb")
    for frame_id in (3, 4, 5):
        stream.put(frame_id, f"picture {frame_id}")
    assert stream.take(5, soon()) == "picture 5"


def test_a_newer_frame_proves_a_drop_and_is_kept_for_its_own_turn() -> None:
    stream = FrameStream("rgb")
    stream.put(8, "picture 8")
    with pytest.raises(SensorTimeout, match="already delivered frame 8") as caught:
        stream.take(7, soon(10.0))
    assert (caught.value.sensor, caught.value.frame_id) == ("rgb", 7)
    assert stream.take(8, soon()) == "picture 8"


def test_silence_raises_a_timeout_that_names_sensor_and_frame() -> None:
    with pytest.raises(SensorTimeout, match="'depth_m' did not deliver frame 12"):
        FrameStream("depth_m").take(12, soon())


def test_a_late_frame_is_waited_for() -> None:
    stream = FrameStream("seg")
    threading.Timer(0.05, stream.put, (2, "late")).start()
    assert stream.take(2, soon(5.0)) == "late"


def test_a_duplicate_is_dropped_at_the_next_frame() -> None:
    stream = FrameStream("rgb")
    for frame_id in (1, 1, 2):
        stream.put(frame_id, frame_id)
    assert [stream.take(1, soon()), stream.take(2, soon())] == [1, 2]


def test_the_first_frame_can_be_looked_at_without_taking_it() -> None:
    stream = FrameStream("rgb")
    assert stream.take_first(0.01) is None
    stream.put(4, "picture")
    assert stream.take_first(0.01) == 4
    assert stream.take(4, soon()) == "picture"
