"""TLS by the service itself, and where clear text is refused."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect

from tests.server.endings import until
from tests.server.port.strangers import (
    BRISK,
    answer,
    besieged,
    connected,
    descriptors,
    left_alone,
    port_of,
    refused,
    settings,
)
from tests.server.serving import said, start
from voiceguard.errors import ConfigurationError
from voiceguard.server.port.tls import check_listening, tls_context
from voiceguard.settings import TlsOptions


def certified(folder: Path) -> TlsOptions:
    """A certificate for localhost that signs itself, in two PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    return TlsOptions(folder / "cert.pem", folder / "key.pem")


def test_api_and_stream_over_tls(tmp_path: Path) -> None:
    """Requests, kept connections and a call's stream, with HSTS on every answer."""

    async def run() -> tuple[list[int], str, str]:
        options = certified(tmp_path)
        trust = ssl.create_default_context(cafile=str(options.certificate))
        async with besieged(tmp_path / "data", tls=options) as served:
            origin = f"https://localhost:{port_of(served)}"
            async with httpx.AsyncClient(base_url=origin, verify=trust) as api:
                answers = [await api.get("/healthz") for _ in range(3)]
            headers = {"Authorization": f"Bearer {served.key}"}
            url = origin.replace("https", "wss") + "/v1/stream/native"
            async with connect(url, ssl=trust, additional_headers=headers) as socket:
                await socket.send(start())
                kind = (await said(socket, "started"))["type"]
            return [answer.status_code for answer in answers], answers[0].headers["Strict-Transport-Security"], kind

    assert ([200] * 3, "max-age=31536000", "started") == asyncio.run(run())


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_handshake_that_never_ends_is_cut(tmp_path: Path, sent: bytes) -> None:
    """Silent peers, half handshakes and clear text are counted from the first byte, and leave no descriptor."""

    async def run() -> float:
        async with besieged(tmp_path / "data", BRISK, tls=certified(tmp_path)) as served:
            before = descriptors()
            for _ in range(10):
                async with connected(served) as (reader, writer):
                    await until(lambda: served.service.census.strangers == 1)
                    writer.write(sent)
                    await answer(reader)
            await left_alone(served, before)
            return refused(served, "tls") + refused(served, "silent")

    assert 10.0 == asyncio.run(run())


@pytest.mark.parametrize(("host", "refused_there"), [
    ("127.0.0.1", False), ("127.8.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True),
    ("192.0.2.1", True), ("", True), ("voice.example.com", True),
])
def test_clear_text_beyond_loopback_is_refused(host: str, refused_there: bool) -> None:
    """Unless it is said that it may be."""
    check_listening(settings(host=host, clear_text_beyond_loopback=True))
    check_listening(settings(host=host, tls={"certificate": "c.pem", "key": "k.pem"}))
    if refused_there:
        with pytest.raises(ConfigurationError, match="clear_text_beyond_loopback"):
            check_listening(settings(host=host))
    else:
        check_listening(settings(host=host))


@pytest.mark.parametrize("options", [
    {"certificate": "c.pem"}, {"key": "k.pem"}, {"certificate": "no.pem", "key": "no.pem"},
])
def test_certificate_that_cannot_be_used_is_a_configuration_error(options: dict[str, str]) -> None:
    """Half a pair, and files that are not there."""
    with pytest.raises(ConfigurationError, match="tls"):
        tls_context(settings(tls=options))
