"""Where to go and how: routes, the waypoint controller, the privileged expert, other traffic."""
