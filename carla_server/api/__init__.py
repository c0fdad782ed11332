"""The remote procedures of a CARLA server: one small module per group, one table of all of them.

A handler is a function `(simulator, *arguments)`; it checks its arguments with `carla_server.wire.structs` and raises
`InvalidArgument` for what the caller did wrong. `table.py` says how its result travels.
"""
