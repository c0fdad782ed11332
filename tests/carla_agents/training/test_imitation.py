import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from carla_agents.policies.aim import AimPolicy
from carla_agents.policies.aim_network import AimConfig
from carla_agents.training.imitation import (
    ImitationConfig,
    draw_batch,
    learning_rate,
    train_imitation,
    turn_pictures,
    turn_points,
)
from carla_agents.training.imitation_data import ImitationSet

NETWORK = AimConfig(
    width_px=64,
    height_px=36,
    middle_px=(16, 6, 48, 22),
    channels=(8, 16),
    hidden=32,
    path_points=4,
    speed_bins_mps=(0.0, 4.0, 8.0),
)


def toy_set(count: int = 96) -> ImitationSet:
    """A bright bar shows where the path goes; a red picture means stop."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(60, 80, (count, 36, 64, 3), dtype=np.uint8)
    aim = rng.uniform(-1.0, 1.0, count)
    stop = rng.random(count) < 0.5
    for number in range(count):
        column = round(32 + 24 * aim[number])
        rgb[number, :, max(0, column - 3) : column + 3] = 255
        if stop[number]:
            rgb[number, ..., 0] = 250
    distance_m = 2.0 * np.arange(1, 5)
    path = np.stack([np.broadcast_to(distance_m, (count, 4)), 0.3 * aim[:, None] * distance_m], axis=2)
    return ImitationSet(
        rgb,
        np.tile(np.float32([20.0, 0.0]), (count, 1)),
        np.full(count, 4, dtype=np.int64),
        path.astype(np.float32),
        np.ones((count, 4), dtype=bool),
        np.where(stop, 0.0, 6.0).astype(np.float32),
        ("clear-day",) * (count - 8) + ("rain-night",) * 8,
        np.arange(count) >= count - 8,
    )


def quick(**changes) -> ImitationConfig:
    defaults = {"network": NETWORK, "steps": 60, "batch_size": 16, "threads": 1, "log_every": 10, "max_yaw_deg": 0.0}
    return ImitationConfig(**{**defaults, **changes})


def test_the_policy_learns_where_to_go_and_when_to_stop(tmp_path):
    data = toy_set()
    network = train_imitation(data, quick(steps=150), tmp_path)
    with torch.inference_mode():
        path, logits = network(
            torch.from_numpy(data.rgb / np.float32(255.0)).permute(0, 3, 1, 2),
            torch.from_numpy(data.target_point_in_ego_m),
            torch.from_numpy(data.command),
        )
        speed_mps = network.expected_speed_mps(logits).numpy()
    assert np.abs(path.numpy() - data.path_in_ego_m).mean() < 0.25
    assert speed_mps[data.target_speed_mps == 0.0].max() < speed_mps[data.target_speed_mps == 6.0].min()
    log = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(10, 151, 10))
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]


def test_a_stopped_and_resumed_run_ends_with_the_same_bits(tmp_path):
    class Stopped(Exception):
        pass

    def stop_at_45(step, losses):
        if step == 45:
            raise Stopped

    data, config = toy_set(), quick(checkpoint_every=20)
    train_imitation(data, config, tmp_path / "whole")
    with pytest.raises(Stopped):
        train_imitation(data, config, tmp_path / "parts", stop_at_45)
    assert not (tmp_path / "parts" / "weights.safetensors").exists()
    train_imitation(data, config, tmp_path / "parts")
    whole, parts = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert (tmp_path / "whole" / "train.jsonl").read_text() == (tmp_path / "parts" / "train.jsonl").read_text()


def test_another_seed_gives_another_policy(tmp_path):
    first, second = (train_imitation(toy_set(), quick(steps=2, seed=s), tmp_path / str(s)) for s in (0, 1))
    assert not torch.equal(next(first.parameters()), next(second.parameters()))


def test_a_checkpoint_is_not_continued_with_another_configuration(tmp_path):
    train_imitation(toy_set(), quick(steps=2), tmp_path)
    with pytest.raises(ValueError, match="another configuration"):
        train_imitation(toy_set(), quick(steps=2, batch_size=8), tmp_path)


def test_what_was_trained_can_be_loaded_and_keeps_the_contract(tmp_path):
    from carla_agents.policies.check import check_policy

    train_imitation(toy_set(), quick(steps=2), tmp_path)
    policy = AimPolicy.load(tmp_path)
    assert policy.camera().width_px == 64
    check_policy(policy)


def test_weights_decide_what_is_drawn():
    data = toy_set()
    chances = np.where(data.synthesized, 1.0, 0.0) / data.synthesized.sum()
    batch = draw_batch(data, quick(jitter=0.0), chances, 3)
    drawn = batch.rgb.permute(0, 2, 3, 1).numpy()
    allowed = {picture.tobytes() for picture in data.rgb[data.synthesized]}
    assert {picture.tobytes() for picture in drawn} <= allowed


def test_conditions_without_weight_leave_nothing_to_draw(tmp_path):
    with pytest.raises(ValueError, match="none of the 96 samples"):
        train_imitation(toy_set(), quick(condition_weights={"clear-day": 0.0, "rain-night": 0.0}), tmp_path)


def test_pictures_of_another_size_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"pictures are \(36, 64, 3\)"):
        train_imitation(toy_set(), ImitationConfig(steps=1), tmp_path)


def test_turning_a_picture_and_its_points_agree():
    # A point 10 m ahead and 2 m right of a camera with 100 px focal length lies 20 px right of the centre.
    focal_px, point = 100.0, np.array([[[10.0, 2.0]]], dtype=np.float32)
    picture = np.zeros((1, 1, 101, 3), dtype=np.uint8)
    picture[0, 0, 50 + 20] = 255
    turned = turn_pictures(picture, np.array([0]), np.array([8]))
    seen = turn_points(point, np.arctan(np.array([8.0]) / focal_px))[0, 0]
    column = int(np.argmax(turned[0, 0, :, 0]))
    assert column == 50 + 12
    assert abs(50 + focal_px * seen[1] / seen[0] - column) < 0.5


def test_the_learning_rate_warms_up_and_falls():
    config = quick(steps=100)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[0] < rates[4] == config.learning_rate
    assert all(a >= b for a, b in pairwise(rates[5:]))
    assert rates[-1] < 0.02 * config.learning_rate


@pytest.mark.parametrize(
    ("field", "value"), [("steps", 0), ("learning_rate", 1.0), ("max_yaw_deg", 40.0), ("jitter", 1.0)]
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        ImitationConfig(**{field: value})
