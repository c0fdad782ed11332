"""What a route file may say about a scenario, and what is refused with the reason."""

import pytest

from scenarios.parameters import Interval, Number, Point, ScenarioError, Word, read_values
from scenarios.route_files import ScenarioSpec
from scenarios.types import TYPES, make_scenario

DECLARED = (
    Number("distance", 40.0, 10.0, 500.0, "metres"),
    Interval("frequency", (70.0, 120.0), 8.0, 500.0, "metres"),
    Word("direction", "right", ("left", "right"), "side"),
    Point("start_actor_flow", "where"),
)
PLACE = {"x": "1", "y": "2", "z": "0"}


def spec(*parameters: tuple[str, dict[str, str]], type_name: str = "Accident") -> ScenarioSpec:
    return ScenarioSpec("it", type_name, (0, 0, 0, 0), tuple((tag, tuple(a.items())) for tag, a in parameters))


def test_parameters_are_read_and_the_rest_takes_its_default() -> None:
    values = read_values(
        spec(("distance", {"value": "60"}), ("start_actor_flow", {"x": "1", "y": "2", "z": "3"})), DECLARED
    )
    assert values.number("distance") == 60.0
    assert values.place("start_actor_flow") == (1.0, 2.0, 3.0)
    assert values.interval("frequency") == (70.0, 120.0)
    assert values.word("direction") == "right"


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        (("speed", {"value": "60"}), "unknown parameter <speed>"),
        (("distance", {"value": "far"}), "must be a number, got 'far'"),
        (("distance", {"value": "nan"}), "allowed 10 .. 500"),
        (("distance", {"value": "5"}), "value is 5, allowed 10 .. 500"),
        (("distance", {}), "must be a number, got None"),
        (("frequency", {"from": "90", "to": "80"}), "from is 90, which is above to = 80"),
        (("direction", {"value": "up"}), "value is 'up', allowed left, right"),
        (("start_actor_flow", {"x": "1", "y": "2"}), "z must be a number"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_name_and_value(parameter, reason) -> None:
    with pytest.raises(ScenarioError, match=reason):
        read_values(spec(parameter), DECLARED)


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(ScenarioError, match="gives <distance> twice"):
        read_values(spec(("distance", {"value": "20"}), ("distance", {"value": "30"})), DECLARED)


def test_an_unknown_type_is_refused_with_those_that_run() -> None:
    with pytest.raises(ScenarioError, match="'Teleport' is unknown; supported are Accident"):
        make_scenario(spec(type_name="Teleport"))


def test_every_type_says_what_happens_and_what_it_accepts() -> None:
    assert len(TYPES) == 38, "the official route files have 38 types"
    for name, made in TYPES.items():
        assert made.summary.endswith("."), name
        assert len({p.name for p in made.parameters}) == len(made.parameters), name
        for parameter in made.parameters:
            assert parameter.meaning, (name, parameter.name)


@pytest.mark.parametrize(
    ("type_name", "parameters"),
    [
        ("ControlLoss", [("distance", {"value": "100"}), ("direction", {"value": "right"})]),
        ("CrossingBicycleFlow", [("start_actor_flow", PLACE), ("source_dist_interval", {"from": "5", "to": "3255"})]),
        ("EnterActorFlow", [("start_actor_flow", PLACE), ("end_actor_flow", PLACE), ("flow_speed", {"value": "20"})]),
        ("EnterActorFlowV2", [("start_actor_flow", PLACE), ("end_actor_flow", PLACE)]),
        ("HazardAtSideLane", [("bicycle_speed", {"value": "15"}), ("bicycle_drive_distance", {"value": "200"})]),
        ("HazardAtSideLaneTwoWays", [("frequency", {"value": "100"})]),
        ("HighwayCutIn", [("other_actor_location", PLACE), ("end_location", PLACE)]),
        ("InterurbanActorFlow", [("start_actor_flow", PLACE), ("end_actor_flow", PLACE)]),
        ("InterurbanAdvancedActorFlow", [("start_actor_flow", PLACE), ("direction", {"value": "right"})]),
        ("MergerIntoSlowTraffic", [("start_actor_flow", PLACE), ("end_actor_flow", PLACE)]),
        (
            "MergerIntoSlowTrafficV2",
            [("start_actor_flow", PLACE), ("source_dist_interval", {"from": "11", "to": "38"})],
        ),
        ("NonSignalizedJunctionRightTurn", [("flow_speed", {"value": "21"})]),
        ("OppositeVehicleRunningRedLight", [("direction", {"value": "opposite"})]),
        (
            "ParkingExit",
            [
                ("direction", {"value": "right"}),
                ("front_vehicle_distance", {"value": "9"}),
                ("behind_vehicle_distance", {"value": "9"}),
                ("flow_distance", {"value": "25"}),
                ("speed", {"value": "60"}),
            ],
        ),
        ("StaticCutIn", [("speed", {"value": "17"})]),
    ],
)
def test_the_forms_of_official_route_files_are_accepted(type_name, parameters) -> None:
    assert make_scenario(spec(*parameters, type_name=type_name))


def test_an_interval_may_be_one_value() -> None:
    assert read_values(spec(("frequency", {"value": "90"})), DECLARED).interval("frequency") == (90.0, 90.0)
    with pytest.raises(ScenarioError, match=r"value is 5, allowed 8 \.\. 500"):
        read_values(spec(("frequency", {"value": "5"})), DECLARED)
