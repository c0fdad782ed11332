"""Other weather and light in the driving loop: an augmenter with a budget, and wrappers for environments."""
