"""Recording a drive to a file, playing it back, and telling in text what a file holds.

Files have CARLA's packet layout, version 1 (`packets.py` says what of it was compared with recordings of a real
server). Packets of our own, which CARLA's readers skip, add what that layout loses: poses without rounding, weather,
doors, and a checksum a frame.
"""
