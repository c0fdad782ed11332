"""One call of the CARLA client and how it went, told as a line of JSON; used by `walk_client_api.py` and its parts.

A call that neither returns nor raises within a minute ends the process with its stack.
"""

import faulthandler
import json

import carla

CALL_TIMEOUT_S = 60
CLASSES = (
    *(carla.Client, carla.World, carla.WorldSnapshot, carla.ActorList, carla.Actor, carla.Vehicle, carla.Walker),
    *(carla.WalkerAIController, carla.TrafficLight, carla.TrafficSign, carla.Sensor, carla.ServerSideSensor),
    *(carla.TrafficManager, carla.LightManager, carla.Light, carla.DebugHelper, carla.BlueprintLibrary),
    *(carla.ActorBlueprint, carla.Map, carla.Waypoint, carla.Junction, carla.Landmark),
)
done = set()


def call(owner, name, *arguments, **options):
    """Call a method, or read a property, of an object and say how it went; returns its result or None."""
    faulthandler.dump_traceback_later(CALL_TIMEOUT_S, exit=True)
    kind = next(kind for kind in type(owner).__mro__ if name in vars(kind)).__name__
    done.add(f"{kind}.{name}")
    found = None
    told = {"call": f"{kind}.{name}", "outcome": "returned", "text": ""}
    try:
        found = getattr(owner, name)
        if callable(found):
            found = found(*arguments, **options)
    except TypeError as error:
        if "No to_python" not in str(error):  # the client's own: it cannot hand over what it has
            raise
        told |= {"outcome": "client", "text": str(error)}
    except RuntimeError as error:
        told |= {"outcome": "refused", "text": str(error)}
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps(told), flush=True)
    return found
