"""A scenario holds the lights of its junction and gives them back in good order."""

from types import SimpleNamespace

import carla

from carla_agents.simulator.session import Session
from scenarios.junctions import HeldLights


def tick(session: Session, seconds: float) -> None:
    for _ in range(round(seconds / session.world.get_settings().fixed_delta_seconds)):
        session.world.tick()


def test_lights_are_held_through_a_yellow_and_take_turns_from_the_beginning_afterwards(session: Session) -> None:
    session.reset()
    light = session.world.get_actors().filter("traffic.traffic_light")[0]
    members = light.get_group_traffic_lights()
    roads = {member.id: {waypoint.road_id for waypoint in member.get_stop_waypoints()} for member in members}
    while all(member.get_state() != carla.TrafficLightState.Yellow for member in members):
        tick(session, 0.5)
    green = {member.id for member in members if roads[member.id] & roads[light.id]}
    scene = SimpleNamespace(lights_of=lambda _: members)
    held = HeldLights(scene, 1)  # type: ignore[arg-type]  # it is asked for lights alone
    held.hold(roads[light.id])
    tick(session, 6.0)
    shown = {member.id: member.get_state() for member in members}
    assert {number for number, state in shown.items() if state == carla.TrafficLightState.Green} == green
    assert set(shown.values()) <= {carla.TrafficLightState.Green, carla.TrafficLightState.Red}
    held.release()
    tick(session, 0.1)
    first = {member.id for member in members if member.get_state() == carla.TrafficLightState.Green}
    tick(session, 14.0)
    assert all(member.get_state() == carla.TrafficLightState.Red for member in members), "green, yellow, all red"
    tick(session, 1.5)
    second = {member.id for member in members if member.get_state() == carla.TrafficLightState.Green}
    assert first
    assert second
    assert not first & second
