"""The tiny world of the world tests."""

from tests.carla_server.world.conftest import make_world, renderers, tiny_town

__all__ = ["make_world", "renderers", "tiny_town"]
