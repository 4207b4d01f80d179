"""Every setting of the service: each room's own options, composed. Reads no files; the environment wins over a file."""

from __future__ import annotations

from dataclasses import field
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic.dataclasses import dataclass
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from voiceguard.events import tenants
from voiceguard.ingest import IngestOptions
from voiceguard.measures.outcomes import CostOptions
from voiceguard.privacy.retention import RetentionOptions
from voiceguard.risk import EnrolmentOptions, RiskOptions
from voiceguard.settings.audit import AuditOptions
from voiceguard.settings.desk import DeskOptions, OidcOptions
from voiceguard.settings.limits import LimitOptions, TlsOptions
from voiceguard.settings.platforms import (
    AsteriskOptions,
    AudioHookKey,
    AudioHookOptions,
    AudioSocketOptions,
    PlivoOptions,
    SignalWireOptions,
    TelnyxOptions,
    TwilioOptions,
    VonageOptions,
)
from voiceguard.settings.webhooks import WebhookOptions
from voiceguard.speech import SpeechOptions

__all__ = [
    "AsteriskOptions", "AudioHookKey", "AudioHookOptions", "AudioSocketOptions", "AuditOptions", "DeskOptions",
    "LimitOptions", "LinkingOptions", "OidcOptions", "PlivoOptions", "Settings", "SignalWireOptions", "TelnyxOptions",
    "TlsOptions", "TwilioOptions", "VonageOptions", "WebhookOptions", "first_fault",
]


def first_fault(error: ValidationError) -> str:
    """Where a user's input is wrong and why, never its value: a setting may hold a secret."""
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]


@dataclass(frozen=True)
class LinkingOptions:
    """The same voice on calls of several customers. Off: it compares people who did not ask for it, and needs a legal
    basis and a retention of its own."""

    legal_basis: str = ""
    """Why it may be done, as the register of processing has it; empty: it is not done."""
    kept_h: float = field(default=168.0, metadata={"gt": 0})
    """Hours for which the voice of an ended call is kept and looked for."""


TenantName = Annotated[str, StringConstraints(pattern=f"^{tenants.NAME.pattern}$")]


class Settings(BaseSettings):
    """Also read from `VOICEGUARD_*`; a room's option as `VOICEGUARD_RISK__PRIOR`."""

    model_config = SettingsConfigDict(
        env_prefix="VOICEGUARD_", env_nested_delimiter="__", extra="forbid", validate_default=True, frozen=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8765, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_origin: str | None = Field(None, description="Origin that callers see when a proxy stands in front.")
    tls: TlsOptions = Field(default_factory=TlsOptions, description="TLS by the service itself.")
    clear_text_beyond_loopback: bool = Field(
        False, description="Listen without TLS where other machines reach it: only behind a proxy that ends TLS."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Host names that requests may name, *.example.com for all below; empty: any."
    )
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"), description="Addresses and networks whose X-Forwarded-For and -Proto are believed."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level of log lines.")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else JSON.")
    data_dir: Path = Field(Path("data"), description="Folder of the database and the signing key.")
    database_url: str | None = Field(None, description="SQLAlchemy URL; empty: SQLite in data_dir.")
    redis_url: str | None = Field(None, description="Redis between workers; empty: this process is alone.")
    workers: int = Field(1, ge=1, le=256, description="Processes on this machine; more than one need redis_url.")
    policy_file: Path | None = Field(None, description="Policy to enforce; empty: the shipped default.")
    unsafe_policy: bool = Field(False, description="Start although policy check finds errors in the policy.")
    shadow_policy_file: Path | None = Field(None, description="Draft whose rulings are recorded and never enforced.")
    models_dir: Path | None = Field(None, description="Folder of models; empty: the shipped ones.")
    synthetic_model: str = Field("synthetic-stream", description="Synthetic-voice detector that runs on every window.")
    verify_model: str = Field("synthetic-verify", description="Slower detector for tiers that demand it; empty: none.")
    speaker_model: str = Field("speaker-campplus", description="Speaker encoder.")
    require_consent: bool = Field(False, description="Analyse no voice unless the call carries voice_analysis consent.")
    require_transcript_consent: bool = Field(False, description="Read no transcript without transcript consent.")
    max_calls: int = Field(200, ge=1, description="Live calls; more are refused with 1013.")
    stall_s: float = Field(30.0, gt=0, description="Seconds without a message after which a stream counts as paused.")
    hold_s: float = Field(3600.0, gt=0, description="Seconds without a message after which a stream is closed.")
    reconnect_s: float = Field(30.0, ge=0, description="Seconds that a call stays open when its stream is lost.")
    resume_s: float = Field(600.0, ge=0, description="Seconds after its end in which a call goes on where it was.")
    drain_s: float = Field(0.0, ge=0, description="Seconds that calls may go on after SIGTERM, without new ones.")
    score_deadline_s: float = Field(2.0, gt=0, description="Seconds after which a window's score counts as missing.")
    decision_timeout_s: float = Field(5.0, gt=0, description="Seconds a decision may take before a human decides.")
    codes_per_hour: int = Field(10, ge=1, description="One-time codes sent to one customer within an hour, at most.")
    otp_webhook_url: str | None = Field(None, description="Where one-time codes are sent; empty: nowhere.")
    otp_webhook_secret: SecretStr | None = Field(None, description="Signs the webhook's body.")
    otp_console: bool = Field(False, description="Print one-time codes instead: for trying out, never with real calls.")
    tenants: dict[str, TenantName] = Field(
        default_factory=dict, description="Platform that proves itself without a key of ours to whose calls it brings."
    )
    grant_issuer: str = Field("voiceguard", description="`iss` of grants.")
    twilio: TwilioOptions = Field(default_factory=TwilioOptions, description="How Twilio streams are authenticated.")
    audiohook: AudioHookOptions = Field(default_factory=AudioHookOptions, description="Genesys AudioHook.")
    signalwire: SignalWireOptions = Field(
        default_factory=SignalWireOptions, description="How SignalWire streams are authenticated."
    )
    telnyx: TelnyxOptions = Field(default_factory=TelnyxOptions, description="How Telnyx streams are authenticated.")
    plivo: PlivoOptions = Field(default_factory=PlivoOptions, description="How Plivo streams are authenticated.")
    vonage: VonageOptions = Field(default_factory=VonageOptions, description="How Vonage streams are authenticated.")
    asterisk: AsteriskOptions = Field(default_factory=AsteriskOptions, description="Asterisk's websocket channel.")
    audiosocket: AudioSocketOptions = Field(default_factory=AudioSocketOptions, description="Asterisk's AudioSocket.")
    limits: LimitOptions = Field(default_factory=LimitOptions, description="Bounds on whoever connects.")
    ingest: IngestOptions = Field(default_factory=IngestOptions, description="Limits at the wire.")
    speech: SpeechOptions = Field(default_factory=SpeechOptions, description="What counts as speech.")
    risk: RiskOptions = Field(default_factory=RiskOptions, description="How evidence becomes risk.")

    desk: DeskOptions = Field(default_factory=DeskOptions, description="Times at the agents' desk.")
    oidc: OidcOptions = Field(default_factory=OidcOptions, description="Who vouches for people besides this service.")
    enrolment: EnrolmentOptions = Field(default_factory=EnrolmentOptions, description="What makes a voiceprint.")
    audit: AuditOptions = Field(default_factory=AuditOptions, description="Who witnesses the audit's checkpoints.")
    retention: RetentionOptions = Field(default_factory=RetentionOptions, description="For how long data is kept.")
    webhooks: WebhookOptions = Field(default_factory=WebhookOptions, description="Who may be told of events.")
    packs: tuple[str, ...] = Field((), description="Region packs in force: names, or .toml files of your own.")
    costs: CostOptions = Field(default_factory=CostOptions, description="What controls, and frauds, cost.")
    linking: LinkingOptions = Field(default_factory=LinkingOptions, description="The same voice on several customers.")

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource, file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then what the caller read from a file or the command line."""
        return env_settings, init_settings

    @field_validator("data_dir")
    @classmethod
    def _fits_a_url(cls, folder: Path) -> Path:
        # In the database's URL the rest would be its parameters, and the file would lie elsewhere.
        if "?" in str(folder):
            raise ValueError("a path without ? is needed")
        return folder

    @field_validator("public_origin")
    @classmethod
    def _without_slash(cls, origin: str | None) -> str | None:
        # An origin has no path (RFC 6454), but is often written with its slash.
        if not origin:
            return None
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.netloc or parts.path.strip("/"):
            raise ValueError("must be a scheme and a host, as https://voice.example.com")
        return origin.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ip_network(proxy)
        return proxies

    @property
    def web_origin(self) -> str | None:
        """`public_origin` as a browser names it: http for ws."""
        origin = self.public_origin
        return f"http{origin[2:]}" if origin is not None and origin.startswith("ws") else origin

    @property
    def store_url(self) -> str:
        """The database to open."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'voiceguard.db'}"
