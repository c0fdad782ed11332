"""Off-screen deferred renderer: pictures and labels of a town from one geometry pass."""
