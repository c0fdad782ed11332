"""Planning and following routes: the module names of CARLA's `agents.navigation`."""
