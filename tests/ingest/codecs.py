"""A codec of every protocol, as its recordings in tests/wire need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.ingest.audiohook_client import ID, ORG
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.asterisk_ws import AsteriskCodec
from voiceguard.ingest.audiohook import AudioHookCodec
from voiceguard.ingest.audiosocket import AudioSocketCodec
from voiceguard.ingest.fork import ForkCodec
from voiceguard.ingest.freeswitch import FORK
from voiceguard.ingest.jambonz import JAMBONZ
from voiceguard.ingest.json_stream import JsonStreamCodec
from voiceguard.ingest.native import NativeCodec
from voiceguard.ingest.plivo import PLIVO
from voiceguard.ingest.telnyx import TELNYX
from voiceguard.ingest.twilio import SIGNALWIRE, TWILIO
from voiceguard.ingest.vonage import VonageCodec
from voiceguard.server.streams.session import Codec

ASTERISK_URI: Final = {"call_id": "call-1", "customer_ref": "customer-1001", "consent": "voice_analysis"}
CODECS: Final[Mapping[str, Callable[[IngestOptions], Codec]]] = {
    "asterisk": lambda options: AsteriskCodec(ASTERISK_URI, options=options),
    "audiohook": lambda options: AudioHookCodec(ID, ORG, options=options),
    "audiosocket": lambda options: AudioSocketCodec(),
    "freeswitch": lambda options: ForkCodec(FORK, options=options),
    "jambonz": lambda options: ForkCodec(JAMBONZ, options=options),
    "native": lambda options: NativeCodec(options=options),
    "plivo": lambda options: JsonStreamCodec(PLIVO, options=options),
    "signalwire": lambda options: JsonStreamCodec(SIGNALWIRE, options=options),
    "telnyx": lambda options: JsonStreamCodec(TELNYX, options=options),
    "twilio": lambda options: JsonStreamCodec(TWILIO, options=options),
    "vonage": lambda options: VonageCodec(options=options),
}
