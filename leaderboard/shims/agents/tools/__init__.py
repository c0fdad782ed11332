"""Small geometry of CARLA's `agents.tools`."""
