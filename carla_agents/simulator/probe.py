"""Asks an address, without the CARLA client, what listens there.

The client answers every fault with the same time-out; this probe asks by itself and tells four cases apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from carla_agents.simulator.client_version import installed_client_version
from carla_agents.simulator.errors import NotACarlaServer, StillLoading, VersionDiffers
from carla_agents.simulator.rpc_connection import RpcConnection
from carla_server.wire.caller import Refused


@dataclass(frozen=True)
class ServerInfo:
    """What a server says of itself.

    Attributes:
        version: of CARLA.
        is_ours: it is this project's `carla_server`, not CARLA itself.
        extensions: names of its services beyond CARLA's; empty for CARLA itself.
        style: art style of its colour cameras, where it says so.
    """

    version: str
    is_ours: bool = False
    extensions: tuple[str, ...] = ()
    style: str | None = None

    @property
    def look(self) -> str:
        """What drew the pictures, e.g. `embedded/default` or `carla-0.9.16`; recorded with every drive."""
        return f"embedded/{self.style}" if self.is_ours else f"carla-{self.version}"


def probe(host: str, port: int, timeout_s: float = 5.0) -> ServerInfo:
    """Makes sure that a usable CARLA server listens, and asks what it is.

    Raises:
        NothingListens, NotACarlaServer, VersionDiffers, StillLoading: the four ways this can fail.
    """
    connection = RpcConnection(host, port, timeout_s)
    try:
        try:
            server_version = str(connection.call("version"))
        except Refused as error:
            raise NotACarlaServer(
                f"something listens at {host}:{port} that speaks MessagePack-RPC but has no CARLA version ({error})"
            ) from error
        client_version = installed_client_version()
        if server_version != client_version:
            raise VersionDiffers(
                f"the server at {host}:{port} is CARLA {server_version}, but the installed client is "
                f"{client_version}; install carla=={server_version} or start a {client_version} server"
            )
        try:
            connection.call("get_episode_info")
        except Refused as error:
            raise StillLoading(
                f"the server at {host}:{port} is not ready yet: {error}; try again in a moment"
            ) from error
        try:
            capabilities = connection.call("syndiff.capabilities")
        except Refused:
            return ServerInfo(server_version)
        style = capabilities.get("style")
        return ServerInfo(server_version, True, tuple(capabilities["extensions"]), style)
    finally:
        connection.close()
