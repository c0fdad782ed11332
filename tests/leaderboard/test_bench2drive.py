import numpy as np
import pytest

from leaderboard.bench2drive import (
    ABILITIES,
    Motion,
    ability_rates,
    comfort,
    efficiency,
    is_success,
    smoothed,
    speed_percentages,
    success_rate,
)
from leaderboard.infractions import Infraction, InfractionKind


def event(kind: InfractionKind, percentage: float | None = None) -> Infraction:
    return Infraction(kind, 5, 0.25, (1.0, 2.0, 0.0), "m", percentage)


def test_success_needs_a_completed_drive_and_forgives_only_a_slow_pace():
    assert is_success("Completed", [event(InfractionKind.MIN_SPEED, 40.0)])
    assert not is_success("Completed", [event(InfractionKind.STOP)])
    assert not is_success("Failed - Agent got blocked", [])
    assert success_rate([True, False, True], 220) == pytest.approx(200 / 220)
    with pytest.raises(ValueError, match="do not fit"):
        success_rate([True, True], 1)


def test_abilities_have_the_published_sizes_and_a_type_may_show_several():
    sizes = {name: len(types) for name, types in ABILITIES.items()}
    assert sizes == {"Overtaking": 9, "Merging": 16, "Emergency_Brake": 12, "Give_Way": 2, "Traffic_Signs": 19}
    rates = ability_rates([("PedestrianCrossing", True), ("PedestrianCrossing", False), ("Unheard", True)])
    assert rates["Emergency_Brake"] == rates["Traffic_Signs"] == (1, 2)
    assert rates["Overtaking"] == (0, 0)


def test_efficiency_is_a_mean_of_means_without_absurd_values_and_without_drives_that_have_none():
    assert efficiency([[100.0, 200.0], [50.0, 5000.0], []]) == pytest.approx(100.0)
    assert efficiency([[], []]) is None
    assert speed_percentages(["Average speed is 63.08% of the surrounding traffic's one", "x"]) == [63.08]


def motion(acceleration: np.ndarray, yaw_rate: np.ndarray | None = None) -> Motion:
    count = len(acceleration)
    forward, right = np.tile([1.0, 0.0, 0.0], (count, 1)), np.tile([0.0, 1.0, 0.0], (count, 1))
    rate = np.zeros(count) if yaw_rate is None else yaw_rate
    return Motion(acceleration, forward, right, rate)


def test_comfort_counts_windows_of_two_seconds_within_all_bounds():
    calm = np.zeros((80, 3))
    assert comfort(motion(calm)) == 100.0
    hard = calm.copy()
    hard[45:55, 0] = -8.0  # one stop in the third of four windows
    assert comfort(motion(hard)) == 75.0
    assert comfort(motion(np.zeros((10, 3)))) is None
    gentle = calm + np.array([0.0, 4.5, 0.0])
    assert comfort(motion(gentle)) == 100.0
    assert comfort(motion(calm + np.array([0.0, 5.0, 0.0]))) == 0.0
    swerve = 0.6 * np.sin(np.arange(80) * 0.1 * 5.0)  # 3 rad/s^2 at most, within 0.95 rad/s
    assert comfort(motion(calm, swerve)) == 100.0
    assert comfort(motion(calm, swerve), bench2drive_compatible=False) < 50.0


def test_motion_is_read_from_metric_info_in_radians():
    tick = {
        "acceleration": [1.0, 2.0, 3.0],
        "angular_velocity": [0.0, 0.0, 90.0],
        "forward_vector": [1.0, 0.0, 0.0],
        "right_vector": [0.0, 1.0, 0.0],
    }
    read = Motion.from_metric_info([tick] * 40)
    assert len(read.yaw_rate_radps) == 20
    assert read.yaw_rate_radps[0] == pytest.approx(np.pi / 2)


def test_the_filter_is_savitzky_and_golays():
    signal = pytest.importorskip("scipy.signal", reason="scipy is not installed")
    values = np.random.default_rng(3).normal(size=50)
    assert np.allclose(smoothed(values), signal.savgol_filter(values, 7, 2))
    assert np.allclose(smoothed(values, 1, 0.1), signal.savgol_filter(values, 7, 2, deriv=1, delta=0.1))
