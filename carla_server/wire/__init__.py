"""CARLA's wire protocol as bytes and plain values: no sockets, no world, no clock.

Theory of operation. A client opens one TCP connection for remote calls (MessagePack-RPC, `rpc.py`) and one more
for every stream it listens to (`stream.py`). `structs.py` turns the arrays of a call into checked values,
`layouts.py` holds everything that differs between CARLA versions, `limits.py` what a peer may cost us.
"""
