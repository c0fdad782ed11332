"""`settle_walkers`: makes the first episode of a process like all later ones, as far as AI walkers go."""

from __future__ import annotations

import carla

_WALKERS = 12


def settle_walkers(world: carla.World) -> None:
    """Let a few walkers plan a way, so that the client looks up the traffic lights here and not in an episode.

    The navigation of CARLA 0.9.16's client notes the traffic lights that walkers wait for once per process, when a
    walker first plans a way over a crosswalk, and loses them when the world is reloaded. Without this call walkers
    would wait for red in the first episode only, and a repeated seed would not repeat the drive. Call it right before
    reloading the world: its walkers go with the episode.

    Args:
        world: in synchronous mode; maps without walker navigation are left alone.
    """
    library = world.get_blueprint_library()
    walker, controller = library.find("walker.pedestrian.0001"), library.find("controller.ai.walker")
    world.set_pedestrians_seed(0)
    minds = []
    for _ in range(_WALKERS):
        place = world.get_random_location_from_navigation()
        if place is None:
            return
        body = world.try_spawn_actor(walker, carla.Transform(place))
        if body is not None:
            minds.append(world.spawn_actor(controller, carla.Transform(), body))
    world.tick()
    for mind in minds:
        mind.start()
        mind.go_to_location(world.get_random_location_from_navigation())
    world.tick()
    for mind in minds:
        mind.stop()
