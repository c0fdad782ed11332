"""The Gymnasium environment `carla_agents:Drive-v0`."""
