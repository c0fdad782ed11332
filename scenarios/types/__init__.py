"""The scenario types that run, by the leaderboard's names."""

from __future__ import annotations

from scenarios.parameters import ScenarioError, read_values
from scenarios.route_files import ScenarioSpec
from scenarios.scenario import Scenario
from scenarios.types import exits, flows, junctions, obstacles, parking_exit, pedestrians, road, vehicles_ahead

TYPES: dict[str, type[Scenario]] = {
    "Accident": obstacles.Accident,
    "AccidentTwoWays": obstacles.AccidentTwoWays,
    "BlockedIntersection": junctions.BlockedIntersection,
    "ConstructionObstacle": obstacles.ConstructionObstacle,
    "ConstructionObstacleTwoWays": obstacles.ConstructionObstacleTwoWays,
    "ControlLoss": road.ControlLoss,
    "CrossingBicycleFlow": flows.CrossingBicycleFlow,
    "DynamicObjectCrossing": pedestrians.DynamicObjectCrossing,
    "EnterActorFlow": flows.EnterActorFlow,
    "EnterActorFlowV2": flows.EnterActorFlowV2,
    "HardBreakRoute": vehicles_ahead.HardBreakRoute,
    "HazardAtSideLane": obstacles.HazardAtSideLane,
    "HazardAtSideLaneTwoWays": obstacles.HazardAtSideLaneTwoWays,
    "HighwayCutIn": vehicles_ahead.HighwayCutIn,
    "InterurbanActorFlow": flows.InterurbanActorFlow,
    "InterurbanAdvancedActorFlow": flows.InterurbanAdvancedActorFlow,
    "InvadingTurn": road.InvadingTurn,
    "MergerIntoSlowTraffic": flows.MergerIntoSlowTraffic,
    "MergerIntoSlowTrafficV2": flows.MergerIntoSlowTrafficV2,
    "NonSignalizedJunctionLeftTurn": flows.NonSignalizedJunctionLeftTurn,
    "NonSignalizedJunctionRightTurn": flows.NonSignalizedJunctionRightTurn,
    "OppositeVehicleRunningRedLight": junctions.OppositeVehicleRunningRedLight,
    "OppositeVehicleTakingPriority": junctions.OppositeVehicleTakingPriority,
    "ParkedObstacle": obstacles.ParkedObstacle,
    "ParkedObstacleTwoWays": obstacles.ParkedObstacleTwoWays,
    "ParkingCrossingPedestrian": pedestrians.ParkingCrossingPedestrian,
    "ParkingCutIn": vehicles_ahead.ParkingCutIn,
    "PedestrianCrossing": pedestrians.PedestrianCrossing,
    "PriorityAtJunction": junctions.PriorityAtJunction,
    "SignalizedJunctionLeftTurn": flows.SignalizedJunctionLeftTurn,
    "SignalizedJunctionRightTurn": flows.SignalizedJunctionRightTurn,
    "StaticCutIn": vehicles_ahead.StaticCutIn,
    "VehicleOpensDoorTwoWays": obstacles.VehicleOpensDoorTwoWays,
    "VehicleTurningRoute": pedestrians.VehicleTurningRoute,
    "VehicleTurningRoutePedestrian": pedestrians.VehicleTurningRoutePedestrian,
    "YieldToEmergencyVehicle": road.YieldToEmergencyVehicle,
    "HighwayExit": exits.HighwayExit,
    "ParkingExit": parking_exit.ParkingExit,
}
"""Official name -> class; new ones come last, so that ids of shipped routes stay."""


def make_scenario(spec: ScenarioSpec) -> Scenario:
    """The scenario that an entry of a route file describes.

    Raises:
        ScenarioError: the type is unknown, or a parameter is wrong.
    """
    found = TYPES.get(spec.type_name)
    if found is None:
        raise ScenarioError(
            f"scenario {spec.name!r}: type {spec.type_name!r} is unknown; supported are {', '.join(TYPES)}"
        )
    return found(read_values(spec, found.parameters))
