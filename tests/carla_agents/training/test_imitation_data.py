import numpy as np
import pytest

from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.policies.aim_network import AimConfig
from carla_agents.simulator.frame import Command, Control, Frame
from carla_agents.training.imitation_data import load_imitation_set, path_ahead

NETWORK = AimConfig(width_px=32, height_px=16, middle_px=(8, 4, 24, 12), path_points=4, path_spacing_m=2.0)


def pose(x_m: float, y_m: float, yaw_rad: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(yaw_rad), -np.sin(yaw_rad)], [np.sin(yaw_rad), np.cos(yaw_rad)]]
    matrix[:2, 3] = (x_m, y_m)
    return matrix


def test_a_right_turn_bends_the_path_to_the_right_at_equal_distances():
    # A quarter circle of radius 10 m to the right of an ego that heads east; right is +y in CARLA's world.
    angle = np.linspace(0.0, np.pi / 2, 40)
    circle = np.stack([10.0 * np.sin(angle), 10.0 * (1.0 - np.cos(angle)), 0.0 * angle], axis=1)
    path, known = path_ahead(circle, 0.0, pose(0.0, 0.0, 0.0), AimConfig(path_points=10))
    assert known.tolist() == [True] * 7 + [False] * 3
    assert (np.diff(path[:7, 1]) > 0).all()
    assert np.allclose(np.linalg.norm(np.diff(path, axis=0), axis=1), 2.0, atol=0.1)
    assert path.dtype == np.float32


def test_who_was_pushed_aside_and_turned_sees_the_way_back_to_the_lane():
    # The lane runs north along x = 5; the ego is 1 m to its right (east) and faces north.
    north = np.stack([np.full(20, 5.0), 7.0 - np.arange(20.0)], axis=1)
    path, _ = path_ahead(north, 3.0, pose(6.0, 4.0, -np.pi / 2), NETWORK)
    assert np.allclose(path, [[2, -1], [4, -1], [6, -1], [8, -1]], atol=1e-5)


@pytest.fixture
def store(tmp_path):
    """One route that speeds up along x for eight frames at 2 Hz, with one variant of its third frame."""
    with StoreWriter.open(tmp_path / "store") as writer:
        writer.begin_route("a", metadata={"route_in_world_m": [[float(x), 3.0, 0.0] for x in range(12)]})
        x_m = 0.0
        for number in range(8):
            frame = Frame(
                frame_id=10 * number,
                elapsed_s=0.5 * number,
                rgb=np.full((16, 32, 3), number, np.uint8),
                seg=None,
                depth_m=None,
                instance=None,
                speed_mps=float(number),
                ego_to_world=pose(x_m, 3.0, 0.0),
                command=Command.LANE_FOLLOW,
                target_point_in_ego_m=np.float32([20.0, 1.0]),
                control=Control(throttle=0.5),
                condition="clear-day",
                scalars={"route_distance_m": x_m, "target_speed_mps": 8.0 - number},
            )
            writer.append("a", frame)
            x_m += 1.5
        writer.finish_route("a")
        key = writer.frames()[2].key
        writer.add_variant(key, "rain-night", 5, np.full((16, 32, 3), 99, np.uint8), {"synthesizer": "test-1"})
    return Store.read(tmp_path / "store")


def test_recorded_frames_come_first_and_variants_share_their_targets(store):
    data = load_imitation_set(store, NETWORK)
    assert len(data) == 9
    assert data.synthesized.tolist() == [False] * 8 + [True]
    assert data.condition[8] == "rain-night"
    assert (data.rgb[2] == 2).all()
    assert (data.rgb[8] == 99).all()
    assert np.array_equal(data.path_in_ego_m[8], data.path_in_ego_m[2])
    assert data.target_speed_mps[:3].tolist() == [8.0, 7.0, 6.0]
    assert np.allclose(data.path_in_ego_m[2], [[2, 0], [4, 0], [6, 0], [8, 0]])
    assert data.path_known[0].all()
    assert not data.path_known[7].any()


def test_drives_that_do_not_tell_what_the_expert_followed_are_refused(tmp_path):
    with StoreWriter.open(tmp_path / "other") as writer:
        writer.begin_route("b")
        picture = np.zeros((16, 32, 3), np.uint8)
        here, ahead = pose(0.0, 0.0, 0.0), np.float32([9.0, 0.0])
        frame = Frame(0, 0.0, picture, None, None, None, 0.0, here, Command.LEFT, ahead, Control(), "clear-day")
        writer.append("b", frame)
        writer.finish_route("b")
    with pytest.raises(ValueError, match="route b does not say what the expert followed"):
        load_imitation_set(Store.read(tmp_path / "other"), NETWORK)


def test_conditions_and_synthesizers_select(store):
    assert len(load_imitation_set(store, NETWORK, synthesizers=())) == 8
    assert load_imitation_set(store, NETWORK, conditions={"rain-night"}).condition == ("rain-night",)
    with pytest.raises(ValueError, match="no picture"):
        load_imitation_set(store, NETWORK, split="val")


def test_pictures_of_another_camera_are_refused(store):
    with pytest.raises(ValueError, match=r"has \(32, 16\) pixels"):
        load_imitation_set(store, AimConfig())
