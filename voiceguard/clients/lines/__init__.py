"""One call as each platform words it on the wire: no sockets."""

from collections.abc import Callable, Mapping
from typing import Final

from voiceguard.clients.lines import audiohook, native, twilio
from voiceguard.clients.lines.line import Dialling, Line

LINES: Final[Mapping[str, Callable[[Dialling], Line]]] = {
    "native": native.dial,
    "twilio": twilio.dial,
    "audiohook": audiohook.dial,
}
"""Protocol to what makes a call's line."""
