"""The streaming layer's bytes."""

import struct

import numpy as np
import pytest

from carla_server.wire.layouts import LAYOUTS
from carla_server.wire.rpc import ProtocolError
from carla_server.wire.stream import (
    ACTOR_STATE_DTYPE,
    SubscriptionReader,
    frame_prefix,
    pack_image_header,
    pack_sensor_header,
    pack_snapshot,
    pack_token,
)


def test_a_token_has_24_bytes_and_leaves_the_address_to_the_client():
    assert pack_token(1, 21001).hex() == "01000000" + "0952" + "01" + "00" + "00" * 16


@pytest.mark.parametrize(("stream_id", "port"), [(0, 2001), (1, 0), (1, 70000), (1 << 32, 2001)])
def test_a_token_that_names_nothing_is_refused(stream_id, port):
    with pytest.raises(ValueError, match="no token"):
        pack_token(stream_id, port)


def test_a_sensor_header_has_48_bytes_in_order_of_the_client():
    data = pack_sensor_header(13, 7, 0.35, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    assert len(data) == 48
    assert struct.unpack("<QQd6f", data) == (13, 7, 0.35, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def test_an_image_header_is_width_height_and_field_of_view():
    assert pack_image_header(256, 144, 90.0).hex() == "00010000" + "90000000" + "0000b442"


def test_a_frame_is_prefixed_by_the_sum_of_its_buffers_in_bytes():
    assert frame_prefix([b"abc", memoryview(np.zeros((2, 2), np.float32))]) == struct.pack("<I", 19)
    with pytest.raises(ValueError, match="0 bytes"):
        frame_prefix([b""])


def test_an_actor_takes_119_bytes_with_the_union_at_65():
    state = np.zeros(1, ACTOR_STATE_DTYPE)
    state["actor_id"], state["actor_state"] = 68, 1
    state["transform"], state["velocity_mps"] = (1, 2, 3, 4, 5, 6), (7, 8, 9)
    state["angular_velocity_degps"], state["acceleration_mps2"] = (10, 11, 12), (13, 14, 15)
    state["vehicle_throttle_steer_brake"], state["vehicle_flags"] = (0.5, -0.25, 0.125), (1, 0, 1)
    state["vehicle_gear"], state["vehicle_speed_limit_kmh"] = -1, 50
    state["vehicle_light_state"], state["vehicle_has_light"], state["vehicle_light_id"] = 2, 1, 9
    data = state.tobytes()
    assert len(data) == 119
    common = struct.pack("<IB15f", 68, 1, *range(1, 16))
    vehicle = struct.pack("<3f3?ifB?IB", 0.5, -0.25, 0.125, True, False, True, -1, 50.0, 2, True, 9, 0)
    assert data == common + vehicle.ljust(54, b"\0")


def test_the_unions_of_walkers_lights_and_signs_overlay_the_same_bytes():
    states = np.zeros(2, ACTOR_STATE_DTYPE)
    states["walker_direction"][0], states["walker_speed_mps"][0], states["walker_jump"][0] = (1, 0, 0), 1.5, 1
    states["sign_id"][1], states["light_times_s"][1], states["light_elapsed_s"][1] = b"5001", (10, 3, 2), 4
    states["light_pole_index"][1], states["light_frozen"][1], states["light_state"][1] = 6, 1, 2
    data = states.tobytes()
    assert data[65:119] == struct.pack("<4f?", 1, 0, 0, 1.5, True).ljust(54, b"\0")
    assert data[119 + 65 :] == struct.pack("<32s4fI?B", b"5001", 10, 3, 2, 4, 6, True, 2)


def test_a_snapshot_is_header_episode_and_actors():
    data = pack_snapshot(
        type_id=LAYOUTS["0.9.16"].sensor_type_ids["world"],
        frame=5,
        elapsed_s=0.25,
        episode_id=77,
        platform_time_s=1.5,
        delta_s=0.05,
        map_changed=True,
        actor_states=np.zeros(3, ACTOR_STATE_DTYPE),
    )
    assert len(data) == 48 + 36 + 3 * 119
    assert struct.unpack_from("<QQd6f", data) == (17, 5, 0.25, *[0.0] * 6)
    assert struct.unpack_from("<Qd", data, 48) == (77, 1.5)
    assert struct.unpack_from("<f3iI", data, 64) == (np.float32(0.05), 0, 0, 0, 1)


def test_sensor_numbers_are_those_of_each_clients_registry():
    new, old = LAYOUTS["0.9.16"].sensor_type_ids, LAYOUTS["0.9.15"].sensor_type_ids
    assert [new[name] for name in ("collision", "depth", "gnss", "imu", "lidar", "rgb", "world", "v2x")] == [
        0, 1, 4, 5, 11, 13, 17, 20,
    ]  # fmt: skip
    assert old["world"] == 16
    assert "cosmos" not in old
    assert (LAYOUTS["0.9.16"].attribute_type_base, LAYOUTS["0.9.15"].attribute_type_base) == (1, 0)


def test_a_subscription_is_four_bytes_in_any_pieces_and_nothing_more():
    reader = SubscriptionReader()
    assert reader.feed(b"\x05\x00") is None
    assert reader.feed(b"\x00\x00") == 5
    with pytest.raises(ProtocolError):
        SubscriptionReader().feed(b"\x05\x00\x00\x00\x00")
