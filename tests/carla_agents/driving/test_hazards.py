"""Road users in the way, or about to be, are found; others are not."""

from dataclasses import replace

import numpy as np

from carla_agents.driving.hazards import Hazard, Path, find_hazards, overlaps, predict
from carla_agents.driving.surroundings import RoadUsers

PATH = Path(np.stack((np.arange(0.0, 50.0), np.zeros(50)), axis=-1), np.zeros(50), np.arange(0.0, 50.0) - 1.0)


def users(*rows: tuple[float, float, float, float], walker: bool = False, held: bool = False, **other) -> RoadUsers:
    """Rows of x, y, yaw, speed."""
    table = np.array(rows, float).reshape(-1, 4)
    count = len(table)
    values = {
        "ids": np.arange(count) + 100,
        "center_m": table[:, :2],
        "yaw_rad": table[:, 2],
        "speed_mps": table[:, 3],
        "course_rad": table[:, 2],
        "yaw_rate_radps": np.zeros(count),
        "acceleration_mps2": np.zeros(count),
        "half_length_m": np.full(count, 0.3 if walker else 2.2),
        "half_width_m": np.full(count, 0.3 if walker else 0.9),
        "walker": np.full(count, walker),
        "held": np.full(count, held),
        "prop": np.zeros(count, dtype=bool),
        "passable": np.zeros(count, dtype=bool),
        "emergency": np.zeros(count, dtype=bool),
    }
    return RoadUsers(**{**values, **other})


def hazards(found: RoadUsers, speed_mps: float = 7.0) -> list[Hazard]:
    return find_hazards(PATH, found, speed_mps, half_width_m=0.95, length_m=4.6, horizon_s=4.0)


def test_a_car_ahead_in_the_lane_is_followed_at_its_speed() -> None:
    (hazard,) = hazards(users((20.0, 0.0, 0.0, 5.0)))
    assert not hazard.crossing
    assert hazard.speed_mps == 5.0
    assert abs(hazard.gap_m - (20.0 - 2.2 - 1.0)) < 1.0


def test_oncoming_traffic_in_its_own_lane_is_no_hazard() -> None:
    assert hazards(users((40.0, -3.5, np.pi, 8.0))) == []


def test_a_parked_car_beside_the_lane_is_no_hazard() -> None:
    assert hazards(users((15.0, 2.6, 0.0, 0.0))) == []


def test_a_car_that_will_cross_when_we_are_there_is_a_hazard() -> None:
    (hazard,) = hazards(users((20.0, -16.0, np.pi / 2, 6.0)))
    assert hazard.crossing
    assert hazard.speed_mps == 0.0
    assert 12.0 < hazard.gap_m < 20.0


def test_whoever_stops_before_a_crossing_car_stands_clear_of_its_whole_way() -> None:
    found = users((35.0, -12.0, np.pi - 0.45, 7.0))
    (hazard,) = hazards(found, speed_mps=4.0)
    before_m = PATH.points_m[PATH.ahead_m < hazard.gap_m]
    _, centers_m, yaws_rad = predict(found, 4.0)
    assert len(before_m) > 5
    assert not overlaps(before_m, centers_m, yaws_rad, np.array([[2.2, 0.9]]), np.array([1.25])).any()


def test_whoever_stops_before_a_turning_car_stands_clear_of_its_way_also_if_its_turn_ends() -> None:
    turning = users((35.0, -12.0, np.pi - 0.45, 7.0), yaw_rate_radps=np.array([-0.15]))
    (hazard,) = hazards(turning, speed_mps=5.0)
    before_m = PATH.points_m[PATH.ahead_m < hazard.gap_m]
    assert len(before_m) > 5
    for rate_radps in (-0.15, -0.075, 0.0):
        _, centers_m, yaws_rad = predict(replace(turning, yaw_rate_radps=np.array([rate_radps])), 4.0)
        assert not overlaps(before_m, centers_m, yaws_rad, np.array([[2.2, 0.9]]), np.array([1.25])).any()


def test_a_car_that_will_have_passed_long_before_is_no_hazard() -> None:
    assert hazards(users((40.0, -3.0, np.pi / 2, 9.0))) == []


def test_a_car_held_by_its_red_light_is_no_hazard() -> None:
    assert hazards(users((20.0, -12.0, np.pi / 2, 4.0), held=True)) == []


def test_a_walker_stepping_into_the_lane_is_a_hazard() -> None:
    (hazard,) = hazards(users((12.0, -3.0, np.pi / 2, 1.4), walker=True))
    assert hazard.crossing
    assert hazard.gap_m < 13.0


def test_a_walker_on_the_pavement_is_no_hazard() -> None:
    assert hazards(users((12.0, 4.0, 0.0, 1.4), walker=True)) == []


def test_predictions_never_reverse_and_stop_turning_at_ninety_degrees() -> None:
    turning = users((0.0, 0.0, 0.0, 5.0), yaw_rate_radps=np.array([1.5]), acceleration_mps2=np.array([-4.0]))
    times, centers, headings = predict(turning, 4.0)
    assert len(times) == 16
    assert headings[-1, 0] <= np.pi / 2 + 1e-9
    assert np.linalg.norm(centers[-1] - centers[-4]) < 1e-9, "it stands"
