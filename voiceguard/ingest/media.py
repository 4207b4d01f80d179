"""Audio as JSON protocols carry it, and how long each payload lasts on the clock of its stream."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any, Final, get_args

from voiceguard.errors import PeerError
from voiceguard.events import Channel, Encoding
from voiceguard.ingest.fields import bad

TRACKS: Final[Mapping[str, Channel]] = {"inbound": "caller", "outbound": "agent"}
MAX_EARLY_BYTES: Final = 64_000
"""Audio that may come before the message that starts its call: a second of stereo at 16 kHz."""
OPUS_CLOCK_HZ: Final = 48_000
"""RFC 7587 section 4.1."""
_MAX_OPUS_SAMPLES: Final = OPUS_CLOCK_HZ * 120 // 1000
_MAX_OPUS_FRAME: Final = 1275
_OPUS_FRAME_SAMPLES: Final = (
    *(480, 960, 1920, 2880) * 3,  # SILK: 10, 20, 40, 60 ms
    *(480, 960) * 2,  # hybrid: 10, 20 ms
    *(120, 240, 480, 960) * 4,  # CELT: 2.5, 5, 10, 20 ms
)
"""By configuration number, RFC 6716 table 2."""


def declared_tracks(values: object) -> dict[str, Channel]:
    """The tracks of a list in our order, the caller first. Raises PeerError."""
    if not isinstance(values, list) or not values or len(values) > len(TRACKS):
        raise bad("tracks")
    if any(not isinstance(value, str) or value not in TRACKS for value in values):
        raise PeerError("unknown_channel", "tracks are inbound and outbound")
    return {track: channel for track, channel in TRACKS.items() if track in values}


def channel_names(values: object) -> tuple[Channel, ...]:
    """Our own names of channels, in the order of the list and each once. Raises PeerError."""
    if not isinstance(values, list) or not values or len(values) > len(get_args(Channel)):
        raise bad("channels")
    if any(value not in get_args(Channel) for value in values):
        raise PeerError("unknown_channel", "channels are caller and agent")
    if len(set(values)) != len(values):
        raise bad("channels")
    return tuple(values)


def payload(media: Mapping[str, Any]) -> bytes:
    """The base64 field `payload`. Raises PeerError."""
    value = media.get("payload")
    if not isinstance(value, str):
        raise bad("payload")
    try:
        return binascii.a2b_base64(value.encode("utf-8"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise PeerError("bad_audio", "the payload is not base64", close_code=1007) from None


def samples_in(encoding: Encoding, data: bytes) -> int | None:
    """How far one channel's payload moves the clock of its stream; None when its encoding cannot hold it."""
    match encoding:
        case "pcmu" | "pcma" | "g722":  # G.722 has an 8 kHz clock, RFC 3551 section 4.5.2
            return len(data)
        case "l16":
            return None if len(data) % 2 else len(data) // 2
        case "opus":
            return opus_samples(data)


def opus_samples(packet: bytes) -> int | None:
    """Samples at 48 kHz that an Opus packet lasts, at most 5760; None when it is malformed (RFC 6716 section 3.4).

    What passes here can be decoded, whatever its frames hold, so that a flood of damaged packets costs no decoding.
    """
    if not packet:
        return None
    each, code, data = _OPUS_FRAME_SAMPLES[packet[0] >> 3], packet[0] & 3, packet[1:]
    match code:
        case 0:
            frames, well = 1, len(data) <= _MAX_OPUS_FRAME
        case 1:
            frames, well = 2, len(data) % 2 == 0 and len(data) // 2 <= _MAX_OPUS_FRAME
        case 2:
            first, rest = _opus_frame_length(data)
            frames, well = 2, first is not None and first <= len(rest) <= first + _MAX_OPUS_FRAME
        case _:
            frames, well = _many_opus_frames(data)
    samples = frames * each
    return samples if well and 0 < samples <= _MAX_OPUS_SAMPLES else None


def _opus_frame_length(data: bytes) -> tuple[int | None, bytes]:
    """RFC 6716 section 3.2.1: a length, and what follows it."""
    if not data or (data[0] >= 252 and len(data) < 2):
        return None, data
    return (data[0], data[1:]) if data[0] < 252 else (4 * data[1] + data[0], data[2:])


def _many_opus_frames(data: bytes) -> tuple[int, bool]:
    """RFC 6716 section 3.2.5: how many frames, and whether they are well formed."""
    if not data:
        return 0, False
    frames, padded, variable, data = data[0] & 0x3F, data[0] & 0x40, data[0] & 0x80, data[1:]
    padding = 0
    while padded:
        if not data:
            return frames, False
        # 255 means 254 bytes of padding, and one more byte of length.
        padding, padded, data = padding + min(data[0], 254), data[0] == 255, data[1:]
    left = len(data) - padding
    if not variable:
        return frames, bool(frames) and left >= 0 and left % frames == 0 and left // frames <= _MAX_OPUS_FRAME
    for _ in range(frames - 1):
        length, rest = _opus_frame_length(data[: max(0, left)])
        if length is None:
            return frames, False
        left -= length + len(data[: max(0, left)]) - len(rest)
        data = rest
    return frames, bool(frames) and 0 <= left <= _MAX_OPUS_FRAME
