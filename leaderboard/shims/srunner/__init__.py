"""Stand-in for ScenarioRunner: the few modules of it that agents import."""
