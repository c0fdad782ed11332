"""Stand-in for CARLA's `agents` package (PythonAPI/carla/agents): the same names, written anew on our road graph."""
