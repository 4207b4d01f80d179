"""The protocols by which a call can come in, one row each: routes, access, simulator and command line read them.

Nothing heavy is imported here, so that the command line can name the protocols at once. A platform that proves itself
by credentials of its own finds them in the settings under its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Authentication = Literal["api_key", "credentials", "registered_call"]
"""An API key of ours with scope `stream`; a signature or token of the platform's; the UUID of a call that was
registered before."""


@dataclass(frozen=True)
class Platform:
    """One protocol: its name on the command line and in paths, and where its parts are."""

    name: str
    title: str
    authentication: Authentication
    guide: str
    """Page in docs/."""
    endpoint: str | None
    """`module:function` in voiceguard.server.streams that serves a websocket; None: the protocol has no websocket."""
    simulator: str
    """`module:function` in voiceguard.simulator.protocols that makes a call's line."""

    @property
    def path(self) -> str | None:
        """Of the websocket."""
        return None if self.endpoint is None else f"/v1/stream/{self.name}"


_ALL: Final = (
    Platform("asterisk", "Asterisk `chan_websocket`", "api_key", "platforms/asterisk.md", "asterisk:asterisk",
             "asterisk:dial"),
    Platform("audiohook", "Genesys AudioHook v2", "credentials", "platforms/genesys.md", "audiohook:audiohook",
             "audiohook:dial"),
    Platform("audiosocket", "Asterisk AudioSocket", "registered_call", "platforms/asterisk.md#audiosocket", None,
             "audiosocket:dial"),
    Platform("freeswitch", "FreeSWITCH mod_audio_fork, mod_audio_stream", "api_key", "platforms/freeswitch.md",
             "freeswitch:freeswitch", "fork:freeswitch"),
    Platform("jambonz", "jambonz `listen`", "api_key", "platforms/jambonz.md", "jambonz:jambonz", "fork:jambonz"),
    Platform("native", "native", "api_key", "asyncapi.yaml", "native:native", "native:dial"),
    Platform("plivo", "Plivo audio streaming", "credentials", "platforms/plivo.md", "plivo:plivo", "plivo:dial"),
    Platform("signalwire", "SignalWire cXML `<Stream>`", "credentials", "platforms/signalwire.md", "twilio:signalwire",
             "twilio:signalwire"),
    Platform("telnyx", "Telnyx media streaming", "credentials", "platforms/telnyx.md", "telnyx:telnyx", "telnyx:dial"),
    Platform("twilio", "Twilio Media Streams", "credentials", "platforms/twilio.md", "twilio:twilio", "twilio:dial"),
    Platform("vonage", "Vonage Voice API websocket", "credentials", "platforms/vonage.md", "vonage:vonage",
             "vonage:dial"),
)
PLATFORMS: Final[Mapping[str, Platform]] = {platform.name: platform for platform in _ALL}
