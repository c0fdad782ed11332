"""A simulator that speaks CARLA 0.9.16's protocol, in a process of its own: `python -m carla_server`."""
