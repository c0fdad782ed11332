import json

import numpy as np
import pytest
import torch

from carla_agents.policies.aim import AimPolicy, load_network, save_network
from carla_agents.policies.aim_network import AimConfig, AimNetwork, two_hot
from carla_agents.policies.base import CameraSpec, Observation, Plan
from carla_agents.policies.blank import BlankCamera
from carla_agents.policies.check import PolicyContractError, check_policy
from carla_agents.simulator.frame import Command

SMALL = AimConfig(width_px=64, height_px=36, middle_px=(16, 6, 48, 22), channels=(8, 16), hidden=16)


@pytest.fixture
def policy() -> AimPolicy:
    torch.manual_seed(0)
    return AimPolicy(AimNetwork(SMALL))


def seeing(value: int = 100) -> Observation:
    return Observation(np.full((36, 64, 3), value, np.uint8), 4.0, Command.LEFT, np.float32([20.0, -3.0]))


def test_the_policy_keeps_the_contract(policy):
    check_policy(policy)
    check_policy(BlankCamera(policy))


def test_the_default_network_is_small_enough_for_a_processor():
    assert 300_000 < sum(p.numel() for p in AimNetwork(AimConfig()).parameters()) < 1_000_000


def test_the_plan_is_drawn_at_the_target_speed(policy):
    plan = policy.act(seeing())
    assert plan.waypoints_in_ego_m.shape == (4, 2)
    legs_m = np.linalg.norm(np.diff(plan.waypoints_in_ego_m, axis=0, prepend=np.zeros((1, 2), np.float32)), axis=1)
    assert np.allclose(legs_m, max(plan.target_speed_mps, 3.0) * 0.5, rtol=0.1)


def test_a_blank_camera_hides_the_picture_and_nothing_else(policy):
    blank = BlankCamera(policy)
    first, second = blank.act(seeing(0)), blank.act(seeing(200))
    assert np.array_equal(first.waypoints_in_ego_m, second.waypoints_in_ego_m)
    assert np.array_equal(first.waypoints_in_ego_m, policy.act(seeing(0)).waypoints_in_ego_m)
    assert not np.array_equal(policy.act(seeing(200)).waypoints_in_ego_m, first.waypoints_in_ego_m)


def test_a_saved_policy_plans_the_same_after_loading(policy, tmp_path):
    save_network(policy.network, tmp_path, {"steps": 5})
    loaded = AimPolicy.load(tmp_path)
    assert loaded.config == SMALL
    assert np.array_equal(loaded.act(seeing()).waypoints_in_ego_m, policy.act(seeing()).waypoints_in_ego_m)
    assert json.loads((tmp_path / "config.json").read_text())["training"] == {"steps": 5}


def test_unreadable_policies_are_refused_with_advice(policy, tmp_path):
    with pytest.raises(ValueError, match="syndiff train"):
        load_network(tmp_path)
    save_network(policy.network, tmp_path, {})
    (tmp_path / "weights.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ValueError, match="no policy can be read"):
        load_network(tmp_path)


def test_a_picture_of_another_size_is_refused(policy):
    wrong = Observation(np.zeros((10, 10, 3), np.uint8), 0.0, Command.LEFT, np.zeros(2, np.float32))
    with pytest.raises(ValueError, match=r"must be \(36, 64, 3\) uint8"):
        policy.act(wrong)


def test_two_hot_shares_have_the_speed_as_their_mean():
    bins = torch.tensor([0.0, 2.0, 6.0])
    shares = two_hot(torch.tensor([0.0, 1.0, 5.0, 9.0]), bins)
    assert torch.allclose(shares.sum(dim=1), torch.ones(4))
    assert torch.allclose(shares @ bins, torch.tensor([0.0, 1.0, 5.0, 6.0]))


class Stub:
    """A policy with replaceable answers."""

    waypoint_spacing_s = 0.5

    def __init__(self, plan: object) -> None:
        self.plan = plan
        self.count = 0

    def camera(self) -> CameraSpec:
        return CameraSpec(32, 16)

    def reset(self, seed: int) -> None: ...

    def act(self, observation: Observation):
        self.count += 1
        return self.plan(self.count, observation) if callable(self.plan) else self.plan


GOOD = np.ones((4, 2), np.float32)


def painted(count: int, observation: Observation) -> Plan:
    observation.rgb[0, 0] += 1
    return Plan(GOOD, 3.0)


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ((GOOD, 3.0), "must return a Plan"),
        (Plan(GOOD.astype(np.float64), 3.0), "must be a float32 array"),
        (Plan(GOOD[:, :1], 3.0), r"must be \(T >= 2, 2\)"),
        (Plan(GOOD * np.nan, 3.0), "NaN"),
        (Plan(GOOD, -1.0), ">= 0"),
        (lambda count, _: Plan(GOOD * count, 3.0), "reset"),
        (painted, "work on a copy"),
    ],
)
def test_the_checker_names_each_broken_promise(plan, reason):
    with pytest.raises(PolicyContractError, match=reason):
        check_policy(Stub(plan))
