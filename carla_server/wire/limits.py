"""What one peer may cost the server."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Upper bounds that keep a slow, broken or hostile peer from hurting the others."""

    max_request_bytes: int = 32 << 20
    """Largest remote call that is still read, in bytes; a longer one closes its connection."""

    max_outbox_bytes: int = 40 << 20
    """Bytes that may wait for one reader; when more pile up, that reader is dropped."""

    max_elements: int = 4 << 20
    """Longest array or map inside a call."""

    max_connections: int = 1024
    """Connections open at a time, remote calls and streams together; further ones are closed at once."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 1 <= value <= 1 << 31:
                raise ValueError(f"Limits.{field.name} is {value}, allowed is 1 .. {1 << 31}")
