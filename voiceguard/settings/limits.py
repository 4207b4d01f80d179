"""What one peer may take of the service, and how the service may be reached."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class LimitOptions:
    """Bounds on peers that have proved nothing yet, on what lies unread, and on what one key may take."""

    request_line_bytes: int = field(default=8192, metadata={"ge": 256})
    """Longest request line; a longer one is answered 414."""
    head_bytes: int = field(default=65536, metadata={"ge": 1024})
    """Most bytes of a request's head, line and headers together; more are answered 431."""
    head_lines: int = field(default=100, metadata={"ge": 16, "le": 128})
    """Most headers of a request; more are answered 431. The websocket library takes 128."""
    head_s: float = field(default=10.0, metadata={"gt": 0})
    """Seconds for the TLS handshake, and for a request's head; answered 408."""
    body_s: float = field(default=10.0, metadata={"gt": 0})
    """Seconds for a request's body; answered 408."""
    start_s: float = field(default=10.0, metadata={"gt": 0})
    """Seconds from a stream's connection to the start of its call."""
    unread_s: float = field(default=10.0, metadata={"gt": 0})
    """Seconds in which a peer takes what it was sent, at 1 kB a second at least, before its connection is cut."""
    connections: int = field(default=512, metadata={"ge": 16})
    """Connections of peers that no stream or live feed was opened for yet; descriptors may allow fewer."""
    connections_per_address: int = field(default=64, metadata={"ge": 1})
    """The same of one IPv4 address or one IPv6 network of 64 bits; trusted proxies are not counted."""


    speed: float = field(default=2.0, metadata={"ge": 1.0})
    """Times real time at which a stream's audio is read; a stream that sends it faster is slowed."""
    burst_s: float = field(default=10.0, metadata={"gt": 0})
    """Seconds of audio that a stream may be ahead before it is slowed."""
    slowed_s: float = field(default=60.0, metadata={"gt": 0})
    """Seconds for which a stream may send too fast without letting up before it is closed as `too_fast`."""
    streams_per_key: int | None = field(default=None, metadata={"ge": 1})
    """Live calls that one key, or one platform without a key, may have at a worker; None: three quarters of
    `max_calls`."""
    streams_per_tenant: int | None = field(default=None, metadata={"ge": 1})
    """The same of all keys of one tenant; None: `max_calls`."""
    actions_per_minute: int = field(default=600, metadata={"ge": 1})
    """Actions that one key or person may ask for in a minute, at a worker."""
    tenant_actions_per_minute: int | None = field(default=None, metadata={"ge": 1})
    """The same of all keys and people of one tenant; None: no limit."""


@dataclass(frozen=True)
class TlsOptions:
    """TLS by the service itself."""

    certificate: Path | None = None
    """PEM file of the certificate and its chain; empty: a proxy ends TLS, or there is none."""
    key: Path | None = None
    """PEM file of its private key."""
