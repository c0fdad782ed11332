"""What agents import from `srunner.scenariomanager`."""
