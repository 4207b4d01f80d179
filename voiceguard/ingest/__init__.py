"""Wire bytes to call events: one sans-I/O codec per telephony protocol.

A codec has `receive_text`, `receive_binary`, `connection_lost` and `encode`. Whatever a peer sends, a codec returns
events or raises PeerError, whose text never repeats what was sent. The codes, each with its RFC 6455 close code:

    bad_json 1007              not JSON, not an object, nested too deep
    bad_message 1007           a field is missing, or of the wrong type or form
    bad_audio 1007             audio that is not base64, ends within a sample, or is in another encoding than announced
    out_of_order 1008          a message that the protocol does not allow at this point
    unknown_channel 1008       a channel or track that the call did not declare
    wrong_stream 1008          a message of another stream
    gap_too_long 1008          the stream's clock leapt further than `max_gap_s`
    unauthenticated 1008       the stream's token is missing, forged, old or another call's
    too_big 1009               a message over its limit
    unsupported_encoding 1003  native: an encoding or rate that we cannot decode
    unsupported_media 1003     a platform's media format that we cannot decode
    unknown_type               native: a message type that we do not know; not fatal
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from voiceguard.errors import ConfigurationError


@dataclass(frozen=True)
class IngestOptions:
    """Limits at the wire. Raises ConfigurationError for one that is not positive and finite."""

    max_text_bytes: int = 65536
    """Longest text message, in UTF-8."""
    max_binary_bytes: int = 65536
    """Longest binary message: 8 s of 8 kHz mu-law."""
    max_gap_s: float = 3600.0
    """Longest silence of one track, as on hold; a longer one means that the peer's clock is broken."""

    def __post_init__(self) -> None:
        if not all(0 < limit < math.inf for limit in (self.max_text_bytes, self.max_binary_bytes, self.max_gap_s)):
            raise ConfigurationError("ingest: every limit must be greater than zero and finite")
