import math
from dataclasses import replace

import numpy as np

from leaderboard.criteria import (
    BlockedCriterion,
    CollisionCriterion,
    Contact,
    RouteDeviationCriterion,
    TickFacts,
    TimeoutCriterion,
)
from leaderboard.infractions import InfractionKind
from leaderboard.traffic_rules import OutsideLanesCriterion, RedLightCriterion, StopBox, StopLine, StopSignCriterion

START = TickFacts(0, 0.0, np.zeros(3), 0.0, 5.0, 0.0, 0.0)
LIGHT = 40


def at(x_m: float, **changes) -> TickFacts:
    """The ego at x, one metre per 0.2 s (5 m/s)."""
    facts = replace(START, frame_id=round(4 * x_m), elapsed_s=0.2 * x_m, route_progress_m=x_m)
    return replace(facts, position_in_world_m=np.array([x_m, 0.0, 0.0]), **changes)


def drive(criterion, ticks):
    return [infraction for facts in ticks for infraction in criterion.update(facts)]


def test_a_long_contact_counts_once_and_another_car_later_counts_again():
    def touching(x_m, other_id):
        return at(x_m, contacts=(Contact(other_id, "vehicle.audi.tt"),))

    ticks = [touching(x, 8) for x in (1.0, 1.2, 1.4)] + [touching(3.0, 9)] + [touching(20.0, 9)]
    found = drive(CollisionCriterion(), ticks)
    # The contact with car 9 at 3 m lies within 5 m of the first; at 20 m its last contact is only 3.4 s ago.
    assert [f.kind for f in found] == [InfractionKind.COLLISION_VEHICLE]
    assert "type=vehicle.audi.tt and id=8 at (x=1.0, y=0.0, z=0.0)" in found[0].message
    found = drive(CollisionCriterion(), [*ticks, touching(60.0, 9)])
    assert len(found) == 2


def test_who_is_hit_while_standing_has_not_collided():
    standing = at(1.0, speed_mps=0.0, contacts=(Contact(8, "vehicle.audi.tt"),))
    assert drive(CollisionCriterion(), [standing]) == []


def test_collisions_are_told_apart_by_what_was_hit():
    kinds = {
        "static.building": InfractionKind.COLLISION_LAYOUT,
        "traffic.traffic_light": InfractionKind.COLLISION_LAYOUT,
        "walker.pedestrian.0003": InfractionKind.COLLISION_PEDESTRIAN,
    }
    for type_id, kind in kinds.items():
        found = drive(CollisionCriterion(), [at(1.0, contacts=(Contact(1, type_id),))])
        assert [f.kind for f in found] == [kind]
    assert drive(CollisionCriterion(), [at(1.0, contacts=(Contact(1, "static.sidewalk"),))]) == []


def test_thirty_metres_from_the_route_is_a_deviation_reported_once():
    ticks = [at(float(x), route_offset_m=o) for x, o in ((1, 14.0), (2, 31.0), (3, 32.0))]
    found = drive(RouteDeviationCriterion(200.0), ticks)
    assert [f.kind for f in found] == [InfractionKind.ROUTE_DEVIATION]
    assert found[0].position_in_world_m[0] == 2.0


def test_a_third_of_the_route_far_away_is_a_deviation_too():
    ticks = [at(float(x), route_offset_m=16.0) for x in range(40)]
    found = drive(RouteDeviationCriterion(100.0), ticks)
    assert len(found) == 1
    assert found[0].position_in_world_m[0] == 31.0


def test_standing_too_long_is_blocked_but_a_red_light_is_not():
    def standing(since_s, until_s):
        return [replace(START, elapsed_s=t, speed_mps=0.0) for t in np.arange(since_s, until_s, 0.5)]

    moving = replace(START, elapsed_s=30.0, speed_mps=2.0)
    assert drive(BlockedCriterion(60.0), [*standing(0, 30), moving, *standing(31, 90)]) == []
    found = drive(BlockedCriterion(60.0), standing(0, 70))
    assert [f.kind for f in found] == [InfractionKind.BLOCKED]


def test_the_time_limit_fires_once():
    found = drive(TimeoutCriterion(10.0), [replace(START, elapsed_s=float(t)) for t in range(20)])
    assert [(f.kind, f.elapsed_s) for f in found] == [(InfractionKind.ROUTE_TIMEOUT, 11.0)]


def red_light() -> RedLightCriterion:
    line = StopLine.across_lane(LIGHT, (10.0, 0.0), 0.0, 3.5)
    return RedLightCriterion([line], half_length_m=2.4)


def test_crossing_a_stop_line_at_red_is_noticed_once_when_the_tail_passes():
    ticks = [at(x, red_light_ids=frozenset({LIGHT})) for x in np.arange(0.0, 30.0, 0.25)]
    found = drive(red_light(), ticks)
    assert [f.kind for f in found] == [InfractionKind.RED_LIGHT]
    assert 10.0 + 0.8 * 2.4 <= found[0].position_in_world_m[0] <= 10.0 + 2.4 + 1.25


def test_green_the_other_direction_and_stopping_at_the_line_are_lawful():
    assert drive(red_light(), [at(x) for x in np.arange(0.0, 30.0, 0.25)]) == []
    red = frozenset({LIGHT})
    backwards = [at(x, yaw_rad=math.pi, red_light_ids=red) for x in np.arange(30.0, 0.0, -0.25)]
    assert drive(red_light(), backwards) == []
    assert drive(red_light(), [at(9.0, speed_mps=0.0, red_light_ids=red)] * 50) == []
    beside = StopLine.across_lane(LIGHT, (10.0, 3.5), 0.0, 3.5)
    ticks = [at(x, red_light_ids=red) for x in np.arange(0.0, 30.0, 0.25)]
    assert drive(RedLightCriterion([beside], 2.4), ticks) == []


def stop_sign() -> StopSignCriterion:
    return StopSignCriterion([StopBox(50, (10.0, 0.0), (1.5, 3.0), math.pi / 2, 0.0)])


def test_rolling_through_a_stop_sign_is_an_infraction_and_standing_is_not():
    rolling = [at(x) for x in np.arange(0.0, 30.0, 0.25)]
    assert [f.kind for f in drive(stop_sign(), rolling)] == [InfractionKind.STOP]
    stopped = [*rolling[:40], at(10.0, speed_mps=0.02), *rolling[40:]]
    assert drive(stop_sign(), stopped) == []


def test_stop_signs_of_the_opposite_direction_do_not_matter():
    other_way = [at(x, yaw_rad=math.pi) for x in np.arange(30.0, 0.0, -0.25)]
    assert drive(stop_sign(), other_way) == []


def test_the_way_outside_the_lanes_is_measured_along_the_route():
    criterion = OutsideLanesCriterion()
    ticks = [at(float(x), outside_lanes=20 < x <= 30) for x in range(101)]
    assert drive(criterion, ticks) == []
    (infraction,) = criterion.finish(ticks[-1])
    assert infraction.percentage == 10.0
    assert "for about 10.0 meters (10.0% of the completed route)" in infraction.message
    assert OutsideLanesCriterion().finish(START) == []
