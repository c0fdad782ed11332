"""Talk to CARLA: sessions, sensor rigs, frames. See `session.py` first."""
