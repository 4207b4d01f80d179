"""Audio streams: one session driver for any codec and any transport, and the doors of the platforms."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.websockets import WebSocket

from voiceguard.server.streams.audiohook import audiohook
from voiceguard.server.streams.native import native
from voiceguard.server.streams.twilio import twilio

ROUTES: Final[Mapping[str, Callable[[WebSocket], Awaitable[None]]]] = {
    "/v1/stream/native": native,
    "/v1/stream/twilio": twilio,
    "/v1/stream/audiohook": audiohook,
}
"""Path to the door that authenticates the platform and runs its session."""
