"""Audio streams: one session driver for any codec and any transport, and an endpoint for each platform."""

from collections.abc import Awaitable, Callable, Mapping
from pkgutil import resolve_name
from typing import Final

from starlette.websockets import WebSocket

from voiceguard.ingest.platforms import PLATFORMS

ROUTES: Final[Mapping[str, Callable[[WebSocket], Awaitable[None]]]] = {
    platform.path: resolve_name(f"{__name__}.{platform.endpoint}")
    for platform in PLATFORMS.values() if platform.path is not None
}
"""Path to the endpoint that authenticates the platform and runs its session."""
