"""OpenSCENARIO files are refused by every command, with the elements named that would have to be carried out."""

from pathlib import Path

import pytest

from leaderboard.leaderboard_evaluator import main as leaderboard_main
from scenarios.route_files import RouteFileError, read_routes
from syndiff.cli import main

SPEED = """<PrivateAction><LongitudinalAction><SpeedAction>
  <SpeedActionDynamics dynamicsShape="step" value="0" dynamicsDimension="time"/>
  <SpeedActionTarget><AbsoluteTargetSpeed value="10"/></SpeedActionTarget>
</SpeedAction></LongitudinalAction></PrivateAction>"""
TELEPORT = """<PrivateAction><TeleportAction><Position><WorldPosition x="1" y="2" z="0" h="0"/></Position>
</TeleportAction></PrivateAction>"""
LANE_CHANGE = """<PrivateAction><LateralAction><LaneChangeAction><LaneChangeTarget>
  <RelativeTargetLane entityRef="hero" value="1"/></LaneChangeTarget>
</LaneChangeAction></LateralAction></PrivateAction>"""
FOLLOW = """<PrivateAction><RoutingAction><FollowTrajectoryAction><Trajectory name="way" closed="false">
  <Shape><Polyline>
  <Vertex time="0"><Position><WorldPosition x="1" y="2"/></Position></Vertex>
</Polyline></Shape></Trajectory></FollowTrajectoryAction></RoutingAction></PrivateAction>"""
ASSIGN_ROUTE = """<PrivateAction><RoutingAction><AssignRouteAction><Route name="way" closed="false"/>
</AssignRouteAction></RoutingAction></PrivateAction>"""
SYNCHRONIZE = """<PrivateAction><SynchronizeAction masterEntityRef="hero"/></PrivateAction>"""
CONTROLLER = """<PrivateAction><ControllerAction><AssignControllerAction>
  <CatalogReference catalogName="c" entryName="e"/>
</AssignControllerAction></ControllerAction></PrivateAction>"""
WEATHER = """<GlobalAction><EnvironmentAction><Environment name="fog"/></EnvironmentAction></GlobalAction>"""
LIGHTS = """<GlobalAction><InfrastructureAction><TrafficSignalAction>
  <TrafficSignalStateAction name="id=1" state="green"/>
</TrafficSignalAction></InfrastructureAction></GlobalAction>"""
USER = """<UserDefinedAction><CustomCommandAction type="python">run</CustomCommandAction></UserDefinedAction>"""
NEAR = """<ByEntityCondition><EntityCondition><RelativeDistanceCondition entityRef="hero" value="20"/>
</EntityCondition></ByEntityCondition>"""
LATER = """<ByValueCondition><SimulationTimeCondition value="3" rule="greaterThan"/></ByValueCondition>"""

AGENT = """from leaderboard.autoagents.autonomous_agent import AutonomousAgent
class Nobody(AutonomousAgent):
    pass
def get_entry_point():
    return "Nobody"
"""
HEADER = '<FileHeader revMajor="1" revMinor="0" date="2020-01-01T00:00:00" author="" description=""/>'


def scenario(init: str, action: str, condition: str) -> str:
    """A file of the form of ScenarioRunner's examples."""
    return f"""<?xml version="1.0"?>
<OpenSCENARIO>{HEADER}<Storyboard><Init><Actions><Private entityRef="hero">{init}</Private></Actions></Init>
<Story name="s"><Act name="a"><ManeuverGroup maximumExecutionCount="1" name="g"><Maneuver name="m">
<Event name="e" priority="overwrite"><Action name="x">{action}</Action>
<StartTrigger><ConditionGroup><Condition name="c" delay="0" conditionEdge="rising">{condition}</Condition>
</ConditionGroup></StartTrigger></Event></Maneuver></ManeuverGroup></Act></Story></Storyboard></OpenSCENARIO>"""


@pytest.mark.parametrize(
    ("init", "action", "condition", "named"),
    [
        (TELEPORT, SPEED, LATER, "<TeleportAction>, <SpeedAction>, <SimulationTimeCondition>"),
        (TELEPORT, LANE_CHANGE, NEAR, "<TeleportAction>, <LaneChangeAction>, <RelativeDistanceCondition>"),
        (TELEPORT, FOLLOW, NEAR, "<TeleportAction>, <FollowTrajectoryAction>, <Trajectory>"),
        (CONTROLLER, SYNCHRONIZE, NEAR, "<ControllerAction>, <AssignControllerAction>, <CatalogReference>"),
        (WEATHER, ASSIGN_ROUTE, LATER, "<EnvironmentAction>, <AssignRouteAction>, <Route>"),
        (TELEPORT, LIGHTS, LATER, "<TrafficSignalAction>, <TrafficSignalStateAction>"),
        (SPEED, USER, LATER, "<SpeedAction>, <UserDefinedAction>, <CustomCommandAction>"),
    ],
)
def test_it_is_refused_with_its_elements_named(init, action, condition, named, tmp_path: Path) -> None:
    path = tmp_path / "scenario.xosc"
    path.write_text(scenario(init, action, condition))
    with pytest.raises(RouteFileError) as refused:
        read_routes(path)
    message = str(refused.value)
    assert "is an OpenSCENARIO 1.0 file, which is not run here: " in message
    assert named in message
    assert "<PrivateAction>" not in message
    assert message.endswith("with one of the types that `docs/scenarios.md` lists")


def test_many_elements_are_counted_and_a_file_of_version_2_is_told_apart(tmp_path: Path) -> None:
    actions = "".join(f"<Number{n}Action/>" for n in range(20))
    path = tmp_path / "scenario.xosc"
    path.write_text(scenario(actions, USER, LATER))
    with pytest.raises(RouteFileError, match="<Number11Action> and 11 more would have to be carried out"):
        read_routes(path)
    newer = tmp_path / "scenario.osc"
    newer.write_text("scenario top:\n    do serial:\n        hero.drive()\n")
    with pytest.raises(RouteFileError, match="is an OpenSCENARIO 2 file, which is not run here"):
        read_routes(newer)


def test_every_command_that_takes_routes_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scenario.xosc"
    path.write_text(scenario(TELEPORT, FOLLOW, NEAR))
    agent = tmp_path / "agent.py"
    agent.write_text(AGENT)

    def said() -> str:
        captured = capsys.readouterr()
        return " ".join((captured.out + captured.err).split())

    commands = {
        "validate-routes": lambda: main(["validate-routes", str(path)]),
        "evaluate": lambda: main(["evaluate", "--routes", str(path), "--out", str(tmp_path / "results.json")]),
        "leaderboard_evaluator": lambda: leaderboard_main(
            ["--routes", str(path), "--agent", str(agent), "--embedded", "--checkpoint", str(tmp_path / "c.json")]
        ),
    }
    for name, command in commands.items():
        assert command() != 0, name
        words = said()
        assert "is an OpenSCENARIO 1.0 file, which is not run here" in words, (name, words)
        assert "<FollowTrajectoryAction>, <Trajectory>, <RelativeDistanceCondition> would have" in words, name
        assert "Traceback" not in words, name
    assert not (tmp_path / "results.json").exists()
