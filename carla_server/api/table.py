"""The table of remote procedures and how a call becomes a reply."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from carla_server.api.simulator import Simulator
from carla_server.wire.rpc import Request, failed, ok, void_failed, void_ok
from carla_server.wire.structs import InvalidArgument

Handler = Callable[..., Any]


class Returns(Enum):
    """How a procedure's result is wrapped."""

    VALUE = "Response<T>"
    VOID = "Response<void>"
    BARE = "T"


@dataclass(frozen=True)
class AfterTick:
    """A handler's answer that is only known once the world has ticked."""

    result: Callable[[], Any]


@dataclass(frozen=True)
class Procedure:
    """One row of the table.

    Attributes:
        handler: `(simulator, *arguments)`.
        returns: wrapping of the result.
        fewest, most: how many arguments it takes.
    """

    handler: Handler
    returns: Returns
    fewest: int
    most: int

    @staticmethod
    def of(handler: Handler, returns: Returns) -> Procedure:
        """Read the number of arguments off the handler."""
        parameters = list(inspect.signature(handler).parameters.values())[1:]
        if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
            return Procedure(handler, returns, 0, 1 << 16)
        required = [parameter for parameter in parameters if parameter.default is inspect.Parameter.empty]
        return Procedure(handler, returns, len(required), len(parameters))

    def failure(self, message: str) -> list:
        """An error wrapped as the client expects it of this procedure."""
        if self.returns is Returns.VOID:
            return void_failed(message)
        return failed(message)


def rows(returns: Returns, *handlers: Handler) -> dict[str, Procedure]:
    """Table rows of functions that are named like their procedures."""
    return {handler.__name__: Procedure.of(handler, returns) for handler in handlers}


class Dispatcher:
    """Executes requests on a simulator."""

    def __init__(self, procedures: Mapping[str, Procedure], simulator: Simulator, tick: Callable[[], None]) -> None:
        """Args: `tick` advances the world by one tick and publishes what it has to tell."""
        self._procedures = procedures
        self._simulator = simulator
        self._tick = tick

    def execute(self, request: Request) -> tuple[Any, str | None]:
        """Run one request.

        Returns:
            (result, error) for `RpcWriter.reply`; never raises for what a client sent.
        """
        procedure = self._procedures.get(request.name)
        if procedure is None:
            return None, unknown_procedure(request)
        count = len(request.arguments)
        if not procedure.fewest <= count <= procedure.most:
            wanted = (
                f"{procedure.fewest} to {procedure.most}" if procedure.most > procedure.fewest else procedure.most
            )
            return procedure.failure(f"{request.name} takes {wanted} arguments, the call has {count}"), None
        try:
            result = procedure.handler(self._simulator, *request.arguments)
            if isinstance(result, AfterTick):
                if self._simulator.world.settings.synchronous_mode:
                    self._tick()
                result = result.result()
        except InvalidArgument as error:
            return procedure.failure(str(error)), None
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            return procedure.failure(f"internal error of the server in {request.name}: {error!r}; see its log"), None
        if procedure.returns is Returns.VOID:
            return void_ok(), None
        return (ok(result) if procedure.returns is Returns.VALUE else result), None


def unknown_procedure(request: Request) -> str:
    """Error text for a procedure that does not exist, as the client's library words it."""
    return (
        f"rpclib: server could not find function '{request.name[:80]}' "
        f"with argument count {len(request.arguments) + 1}."
    )
