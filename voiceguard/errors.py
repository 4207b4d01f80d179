"""Errors that say whose fault it is.

VoiceguardError
├── PeerError           the other side broke its protocol: answer in that protocol's terms, close with `close_code`
│   └── AuthenticationError   it could not prove who it is: close before any audio is read
├── ConfigurationError  the operator's file or setting is wrong: say where, refuse to start
│   └── NothingThere    a folder or database that should be read does not exist: nothing is made in its place
├── AudioFileError      a file given to us cannot be read as audio
└── ModelError          a model cannot be loaded or gave no usable score: becomes `ScoreMissing`, never a zero
"""

from __future__ import annotations


class VoiceguardError(Exception):
    """Base of every error raised on purpose; its text is safe to log and holds no secret, code, PII or audio."""


class PeerError(VoiceguardError):
    """The peer sent something its protocol does not allow."""

    def __init__(self, code: str, text: str, *, close_code: int = 1008, fatal: bool = True) -> None:
        super().__init__(text)
        self.code = code
        """Stable machine-readable reason, snake_case."""
        self.close_code = close_code
        """RFC 6455 section 7.4 close code."""
        self.fatal = fatal
        """False: report it and go on; True: report it and close."""


class AuthenticationError(PeerError):
    """The peer could not prove who it is."""

    def __init__(self, text: str) -> None:
        super().__init__("unauthenticated", text, close_code=1008)


class ConfigurationError(VoiceguardError):
    """A setting, policy or model folder is wrong."""


class NothingThere(ConfigurationError):
    """What was to be read does not exist."""


class AudioFileError(VoiceguardError):
    """A file cannot be read as audio."""


class ModelError(VoiceguardError):
    """A model cannot be loaded or gave no usable score."""
