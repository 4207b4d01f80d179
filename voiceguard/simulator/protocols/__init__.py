"""One call as each platform words it on the wire: no sockets."""

from collections.abc import Callable, Mapping
from typing import Final

from voiceguard.simulator.protocols import (
    asterisk,
    audiohook,
    audiosocket,
    fork,
    native,
    plivo,
    telnyx,
    twilio,
    vonage,
)
from voiceguard.simulator.protocols.platform import Dialling, Line

LINES: Final[Mapping[str, Callable[[Dialling], Line]]] = {
    "asterisk": asterisk.dial,
    "audiosocket": audiosocket.dial,
    "freeswitch": fork.freeswitch,
    "jambonz": fork.jambonz,
    "audiohook": audiohook.dial,
    "native": native.dial,
    "plivo": plivo.dial,
    "signalwire": twilio.signalwire,
    "telnyx": telnyx.dial,
    "twilio": twilio.dial,
    "vonage": vonage.dial,
}
"""Protocol to what makes a call's line."""
