"""Rays against the same shapes that the cameras draw.

triangles.py   a town and a blueprint as tagged triangles
caster.py      one set of triangles in Embree
scene.py       town and actors together: what lidars, radars and ray queries ask
"""
