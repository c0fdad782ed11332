"""Arguments of calls, as captured from the client and as a broken one would send them."""

import math

import pytest

from carla_server.wire import structs
from carla_server.wire.rpc import RpcReader
from carla_server.wire.structs import EpisodeSettings, InvalidArgument

SETTINGS_CALL = bytes.fromhex(
    "940010b47365745f657069736f64655f73657474696e67739291c29bc3c292c3cb3fa999999999999ac3cb3f847ae147ae147b0aca00000000"
    "c2ca453b8000ca44fa0000c3"
)
SPAWN_CALL = bytes.fromhex(
    "940012ab737061776e5f6163746f729391c29334b97374617469632e70726f702e74726166666963636f6e6530319293a473697a6504a573"
    "6d616c6c93a9726f6c655f6e616d6504a470726f709293ca3f800000ca40000000ca4040000093ca40800000ca40a00000ca40c00000"
)


def test_settings_of_a_real_client_read_back_as_they_were_set():
    (request,) = RpcReader().feed(SETTINGS_CALL)
    settings = structs.read_settings(request.arguments[0])
    assert settings == EpisodeSettings(synchronous_mode=True, fixed_delta_s=0.05)
    assert settings.to_wire()[2] == [True, 0.05]
    assert structs.read_settings(EpisodeSettings().to_wire()) == EpisodeSettings()


def test_a_spawn_call_of_a_real_client_reads_as_description_and_pose():
    (request,) = RpcReader().feed(SPAWN_CALL)
    description = structs.read_description(request.arguments[0])
    assert description.blueprint_id == "static.prop.trafficcone01"
    assert description.attributes == (("size", 4, "small"), ("role_name", 4, "prop"))
    assert structs.read_pose(request.arguments[1]) == (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def test_vehicle_control_is_clipped_like_a_pedal():
    control = structs.read_vehicle_control([2.0, -3.0, 0.5, False, True, False, 1])
    assert (control.throttle, control.steer, control.brake, control.reverse) == (1.0, -1.0, 0.5, True)


@pytest.mark.parametrize(
    ("read", "value", "named"),
    [
        (structs.read_pose, [[math.nan, 0.0, 0.0], [0.0, 0.0, 0.0]], "nan"),
        (structs.read_pose, [[0.0, 0.0, math.inf], [0.0, 0.0, 0.0]], "inf"),
        (structs.read_pose, [[0.0, 0.0], [0.0, 0.0, 0.0]], "array of 3"),
        (structs.read_pose, "here", "here"),
        (structs.read_vehicle_control, [math.nan, 0.0, 0.0, False, False, False, 0], "nan"),
        (structs.read_vehicle_control, [0.0], "array of 7"),
        (structs.read_walker_control, [[0.0, 0.0, 0.0], 1e9, False], "walker speed"),
        (structs.read_description, [1, 2, []], "blueprint id"),
        (structs.read_settings, [True, False, [True, -1.0], True, 0.01, 10, 0.0, False, 1.0, 1.0, True], "-1.0"),
        (structs.read_settings, [1, False, [False], True, 0.01, 10, 0.0, False, 1.0, 1.0, True], "synchronous_mode"),
    ],
)
def test_a_malformed_argument_is_named_with_its_value(read, value, named):
    arguments = (value,) if read is not structs.read_pose else (value, "transform")
    with pytest.raises(InvalidArgument, match=named):
        read(*arguments)
