"""Audio streams: one session driver for any codec and any transport, and the doors of the platforms."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.websockets import WebSocket

from voiceguard.server.streams.asterisk import asterisk
from voiceguard.server.streams.audiohook import audiohook
from voiceguard.server.streams.freeswitch import freeswitch
from voiceguard.server.streams.jambonz import jambonz
from voiceguard.server.streams.native import native
from voiceguard.server.streams.plivo import plivo
from voiceguard.server.streams.telnyx import telnyx
from voiceguard.server.streams.twilio import signalwire, twilio
from voiceguard.server.streams.vonage import vonage

ROUTES: Final[Mapping[str, Callable[[WebSocket], Awaitable[None]]]] = {
    "/v1/stream/asterisk": asterisk,
    "/v1/stream/freeswitch": freeswitch,
    "/v1/stream/jambonz": jambonz,
    "/v1/stream/audiohook": audiohook,
    "/v1/stream/native": native,
    "/v1/stream/plivo": plivo,
    "/v1/stream/signalwire": signalwire,
    "/v1/stream/telnyx": telnyx,
    "/v1/stream/twilio": twilio,
    "/v1/stream/vonage": vonage,
}
"""Path to the door that authenticates the platform and runs its session."""
