"""Checks that roads, junctions and lanes which a map links to exist: CARLA's clients crash on those that do not."""

from __future__ import annotations

from carla_server.roads.opendrive import Connection, LaneSection, OpenDrive, OpenDriveError, Road


def check_links(opendrive: OpenDrive) -> None:
    """Follow every link of a map.

    Raises:
        OpenDriveError: a link leads nowhere; the message names it.
    """
    roads, junctions = opendrive.roads, opendrive.junction_controllers
    for road in roads.values():
        if road.junction_id >= 0 and road.junction_id not in junctions:
            raise OpenDriveError(f"road {road.road_id} belongs to junction {road.junction_id}, which the map lacks")
        for name, link in (("predecessor", road.predecessor), ("successor", road.successor)):
            if link is not None and link[1] not in (junctions if link[0] == "junction" else roads):
                kind = link[0] or "road"
                raise OpenDriveError(f"road {road.road_id} has {kind} {link[1]} as {name}, which the map lacks")
        _check_lanes(road, roads)
    for connection in opendrive.connections:
        _check_connection(connection, roads)


def _check_lanes(road: Road, roads: dict[int, Road]) -> None:
    before: list[LaneSection | None] = [_touched(road.predecessor, roads), *road.sections[:-1]]
    after: list[LaneSection | None] = [*road.sections[1:], _touched(road.successor, roads)]
    for previous, section, following in zip(before, road.sections, after, strict=True):
        for lane in section.lanes.values():
            for name, wanted, other in (
                ("predecessor", lane.predecessor, previous),
                ("successor", lane.successor, following),
            ):
                if wanted is not None and other is not None and wanted not in other.lanes:
                    raise OpenDriveError(
                        f"lane {lane.lane_id} of road {road.road_id} at s = {section.s_m:g} m has lane {wanted} as "
                        f"{name}, which is not there"
                    )


def _touched(link: tuple[str, int, str] | None, roads: dict[int, Road]) -> LaneSection | None:
    """The lane section of the linked road that a road touches; None at junctions and open ends."""
    if link is None or link[0] == "junction":
        return None
    return roads[link[1]].sections[-1 if link[2] == "end" else 0]


def _check_connection(connection: Connection, roads: dict[int, Road]) -> None:
    ends = []
    for name, text in (("incomingRoad", connection.incoming), ("connectingRoad", connection.connecting)):
        road = roads.get(int(text)) if text.lstrip("-").isdigit() else None
        if road is None:
            raise OpenDriveError(f"a junction's connection has {text!r} as {name}, which the map lacks")
        ends.append(road)
    for link in connection.lane_links:
        for name, text, road in zip(("from", "to"), link, ends, strict=True):
            if not any(str(lane) == text for section in road.sections for lane in section.lanes):
                raise OpenDriveError(
                    f"a junction's connection leads {name} lane {text!r} of road {road.road_id}, which is not there"
                )
