"""Drive, observe, record, learn. Importing this package registers `carla_agents:Drive-v0` and nothing heavy."""

import gymnasium

gymnasium.register(id="Drive-v0", entry_point="carla_agents.gym.env:DriveEnv")
