"""The command line [contract]: arguments in, the right room called; a user's mistake is one line and exit code 2.

Heavy rooms are imported in the command that needs them, so that `voiceguard --help` is quick.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import os
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyotp
from pydantic import ValidationError

from voiceguard.errors import ConfigurationError, VoiceguardError
from voiceguard.settings import Settings, first_fault

CHANNELS = ("pcmu", "pcma", "gsm", "opus", "none")
SCOPES = (
    "stream", "live", "actions", "handover", "supervise", "grants", "calls", "receipts", "metrics", "enrol",
    "watchlist", "verdicts",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 done and the answer is no, 2 wrong input or a fault."""
    options = _parser().parse_args(arguments)
    try:
        right = options.run(options)
    except VoiceguardError as error:
        sys.exit(_say_error(str(error)))
    except ValidationError as error:
        sys.exit(_say_error(f"setting {first_fault(error)}"))
    except OSError as error:
        sys.exit(_say_error(f"{error.filename or ''} {error.strerror or error}".strip()))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if right else 1)


def _say_error(text: str) -> int:
    # Names out of a user's file may hold line breaks, or what a terminal obeys.
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    print(f"voiceguard: {shown}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="voiceguard", description="Stops voice fraud on calls while they last.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _live_commands(commands)
    _recording_commands(commands)
    _policy_commands(commands)
    _operator_commands(commands)
    _voice_commands(commands)
    return parser


def _live_commands(commands: Any) -> None:
    serve = _command(commands, "serve", _serve, "run the service")
    _config(serve)
    serve.add_argument("--host", help="address to listen on")
    serve.add_argument("--port", type=_port, help="port to listen on; 0 takes a free one")
    serve.add_argument("--workers", type=int, default=1, help="processes; one, for a call lives in its own")

    demo = _command(commands, "demo", _demo, "stream the sample calls to a server and check every decision")
    demo.add_argument("--speed", type=_positive, default=1.0, help="times real pace")
    demo.add_argument("--keep", action="store_true", help="leave the server up afterwards")
    demo.add_argument("--callset", type=Path, default=Path("samples"), help="folder or file of labelled calls")

    load = _command(commands, "loadtest", _loadtest, "stream many paced calls to a server and measure it")
    load.add_argument("--url", required=True, help="ws://host:port")
    load.add_argument("--protocol", choices=("twilio", "native"), default="twilio")
    load.add_argument("--calls", type=int, default=50)
    load.add_argument("--seconds", type=_positive, default=30.0)
    load.add_argument("--callset", type=Path, default=Path("samples"), help="whose audio is streamed, over and over")
    load.add_argument("--json", action="store_true")


def _recording_commands(commands: Any) -> None:
    score = commands.add_parser("score", help="what the detectors say of recordings").add_subparsers(required=True)
    synthetic = _command(score, "synthetic", _score_synthetic, "evidence of synthetic speech, one row a file")
    synthetic.add_argument("--manifest", type=Path, required=True, help="CSV with a column path")
    synthetic.add_argument("--max-speech", type=_positive, default=math.inf, help="seconds of net speech to use")
    synthetic.add_argument("--detector", help="model to use")
    speakers = _command(score, "speakers", _score_speakers, "evidence of the same speaker, one row a trial")
    speakers.add_argument("--trials", type=Path, required=True, help="CSV with enrol (paths joined by ;) and test")
    for command in (synthetic, speakers):
        command.add_argument("--out", type=Path, required=True, help="CSV to write")
        command.add_argument("--channel", choices=CHANNELS, default="pcmu", help="telephone line before the detector")
        command.add_argument("--json", action="store_true", help="print a summary")


def _policy_commands(commands: Any) -> None:
    policy = commands.add_parser("policy", help="look at a policy").add_subparsers(required=True)
    check = _command(policy, "check", _policy_check, "find rules that are wrong or dangerous")
    check.add_argument("file", type=Path, metavar="F")
    explain = _command(policy, "explain", _policy_explain, "say which rule decides, and why")
    explain.add_argument("file", type=Path, metavar="F")
    explain.add_argument(
        "--call", type=Path, required=True, metavar="C.json",
        help="object with action and, as needed, parameters (left out: none), risk (body of a risk message, or some of "
        "its fields; left out: no score, band unknown, state insufficient_speech, net_speech_s 0, no evidence), "
        "assurance (none; otp, human, second_human), consent, customer_known, locked, injection (false)",
    )


def _operator_commands(commands: Any) -> None:
    audit = commands.add_parser("audit", help="look at what was recorded").add_subparsers(required=True)
    _config(_command(audit, "verify", _audit_verify, "check every chain and checkpoint"))

    models = _command(commands, "models", _models, "cards and hashes of the models")
    models.add_argument("--json", action="store_true")
    _config(models)

    keys = commands.add_parser("keys", help="API keys").add_subparsers(required=True)
    create = _command(keys, "create", _keys_create, "make an API key and print it, once")
    create.add_argument("name", type=_short, help="whose key it is")
    create.add_argument("--scope", action="append", choices=SCOPES, required=True, help="may be given several times")
    revoke = _command(keys, "revoke", _keys_revoke, "make a key invalid")
    revoke.add_argument("name")
    for command in (create, revoke, _command(keys, "list", _keys_list, "names and scopes")):
        _config(command)

    customers = commands.add_parser("customers", help="who may be claimed to call").add_subparsers(required=True)
    add = _command(customers, "add", _customers_add, "make a customer known, by the platform's own reference")
    add.add_argument("ref", type=_short)
    add.add_argument("--totp", action="store_true", help="make an authenticator secret and print its URI, once")
    _config(add)


def _voice_commands(commands: Any) -> None:
    enrol = commands.add_parser("enrol", help="customers' voiceprints").add_subparsers(required=True)
    add = _command(enrol, "add", _enrol_add, "keep a customer's voice, if nothing speaks against it; prints its id")
    add.add_argument("ref", type=_short, help="the customer")
    add.add_argument("--consent", type=_short, required=True, help="where the customer's consent is on record")
    forget = _command(enrol, "delete", _enrol_delete, "erase a customer's voice and its key")
    history = _command(enrol, "list", _enrol_list, "every voiceprint a customer had, newest first, without the voice")
    for command in (forget, history):
        command.add_argument("ref", type=_short)

    watch = commands.add_parser("watchlist", help="voices of known fraudsters").add_subparsers(required=True)
    put = _command(watch, "add", _watchlist_add, "put a voice on the list; prints the entry's id")
    put.add_argument("--expires", type=_positive, default=180.0, help="days after which the voice is erased")
    put.add_argument("--review", type=_positive, default=30.0, help="days after which it counts only if reviewed")
    review = _command(watch, "review", _watchlist_review, "keep an entry that somebody else made")
    review.add_argument("--days", type=_positive, default=30.0, help="until the next review")
    remove = _command(watch, "remove", _watchlist_remove, "take a voice off the list and erase it")
    entries = _command(watch, "list", _watchlist_list, "every entry there ever was, newest first, without the voice")
    search = _command(watch, "search", _watchlist_search, "the entries that are nearest to a recorded voice")
    for command in (review, remove):
        command.add_argument("entry_id")
    for command in (put, remove, forget):
        command.add_argument("--reason", type=_short, required=True)
    for command in (add, put, search):
        command.add_argument("--audio", type=Path, nargs="+", required=True, metavar="F", help="of the voice")
    for command in (add, put, search, review, remove, forget):
        command.add_argument("--by", type=_short, required=True, metavar="NAME", help="who does it, for the audit")
    for command in (add, forget, history, put, review, remove, entries, search):
        _config(command)


def _short(text: str) -> str:
    if not text.isprintable() or not text.strip() or len(text) > 128:
        raise argparse.ArgumentTypeError("a name of 1 to 128 printable characters is expected")
    return text


def _positive(text: str) -> float:
    number = float(text)
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError("a number above 0 is expected")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:  # the system would take it modulo 65536
        raise argparse.ArgumentTypeError("a port is from 0 to 65535")
    return number


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], bool], text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="TOML file of settings; VOICEGUARD_* in the environment wins")


def _settings(options: argparse.Namespace, **given: Any) -> Settings:
    """The command line wins over the environment, and that over the file."""
    values: dict[str, Any] = {}
    if getattr(options, "config", None):
        try:
            values = tomllib.loads(options.config.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigurationError(f"{options.config.name}: {error}") from error
    return Settings(**values).model_copy(update={name: value for name, value in given.items() if value is not None})


# ── live ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _serve(options: argparse.Namespace) -> bool:
    import uvicorn

    from voiceguard.server.app import create_app, server_config

    if options.workers != 1:
        raise ConfigurationError("--workers: a call's API requests must reach its own process, so there is one")
    settings = _settings(options, host=options.host, port=options.port)
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # what lives as long as the process: looking through it again would stop every call for 70 ms
    uvicorn.Server(server_config(app, settings)).run()
    return True


def _demo(options: argparse.Namespace) -> bool:
    from voiceguard.clients.demo import run

    return asyncio.run(run(options.callset, speed=options.speed, keep=options.keep))


def _loadtest(options: argparse.Namespace) -> bool:
    from voiceguard.clients.loadtest import as_text, run

    report = run(
        options.url, protocol=options.protocol, calls=options.calls, seconds=options.seconds, callset=options.callset,
        key=os.environ.get("VOICEGUARD_API_KEY", ""),
        twilio_secret=os.environ.get("VOICEGUARD_TWILIO__STREAM_SECRET", ""),
    )
    print(json.dumps(report, indent=2) if options.json else as_text(report))
    return True


# ── recordings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _score_synthetic(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.detectors import load_detectors
    from voiceguard.analysis import scoring

    settings = Settings(**({"synthetic_model": options.detector} if options.detector else {}))
    scorer = scoring.FileScorer(settings, load_detectors(settings), options.channel, options.max_speech)
    folder = options.manifest.parent
    rows = scoring.score_table(
        scoring.read_table(options.manifest, ["path"]), ["path"], lambda row: scorer.synthetic(folder / row["path"])
    )
    written = scoring.write_table(options.out, scoring.SYNTHETIC_COLUMNS, rows)
    _summary(options, written, scorer.detectors.versions["synthetic"])
    return True


def _score_speakers(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.detectors import load_detectors
    from voiceguard.analysis import scoring

    settings = Settings()
    scorer = scoring.FileScorer(settings, load_detectors(settings), options.channel)
    folder = options.trials.parent
    rows = scoring.score_table(
        scoring.read_table(options.trials, ["enrol", "test"]), ["enrol", "test"],
        lambda row: scorer.speakers([folder / path for path in row["enrol"].split(";")], folder / row["test"]),
    )
    written = scoring.write_table(options.out, scoring.SPEAKER_COLUMNS, rows)
    _summary(options, written, scorer.detectors.versions["speaker"])
    return True


def _summary(options: argparse.Namespace, rows: Sequence[dict[str, Any]], model: str) -> None:
    if options.json:
        failed = sum(row["error"] is not None for row in rows)
        print(json.dumps({"model": model, "channel": options.channel, "rows": len(rows), "errors": failed}))


# ── policy, audit, models, keys ──────────────────────────────────────────────────────────────────────────────────────


def _policy_check(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.policy.check import lint

    policy = read_policy(options.file)
    findings = lint(policy)
    for finding in findings:
        print(f"{finding.level:7} {finding.code:24} {finding.place}: {finding.text}")
    errors = sum(finding.level == "error" for finding in findings)
    print(f"{options.file.name}: version {policy.version}, sha256 {policy.sha256[:12]}, {errors} errors, "
          f"{len(findings) - errors} warnings")
    return not errors


def _policy_explain(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.policy_files import read_asked_action, read_policy
    from voiceguard.policy.rules import explain

    policy = read_policy(options.file)
    asked = read_asked_action(options.call)
    trace = explain(policy, asked.action, asked.context(policy))
    ruling = trace.ruling
    print(f"{asked.action} ({ruling.tier}): {ruling.decision}, by rule {ruling.rule}")
    for reason in ruling.reasons:
        print(f"  {reason.code}: {reason.text}")
    for step in trace.steps:
        detail = f" ({step.detail})" if step.detail else ""
        print(f"{step.outcome.replace('_', ' '):12} {step.rule}: {step.when}{detail}")
    return True


def _audit_verify(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.keys import Keys

    settings = _settings(options)
    faults = asyncio.run(_with_store(settings, lambda store: store.verify_audit(Keys.open(settings.data_dir).verify)))
    for fault in faults:
        print(f"{fault.chain} {fault.seq}: {fault.kind}: {fault.text}")
    print("every chain and checkpoint is whole" if not faults else f"{len(faults)} faults")
    return not faults


def _models(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.onnx_models import MODELS_FOLDER, model_cards

    folder = _settings(options).models_dir or MODELS_FOLDER
    cards = model_cards(folder)
    if not cards:
        raise ConfigurationError(f"models_dir: {folder.name} holds no model")
    if options.json:
        print(json.dumps(cards, indent=2))
    else:
        for card in cards:
            state = "verified" if card["verified"] else "NOT THE FILE THAT THE CARD DESCRIBES"
            print(f"{card['name']:24} {card['version']:8} {card['task']:18} sha256 {card['sha256'][:12]}  {state}")
    return all(card["verified"] for card in cards)


def _keys_create(options: argparse.Namespace) -> bool:
    print(asyncio.run(_with_store(_settings(options), lambda store: store.create_key(options.name, options.scope))))
    return True


def _keys_revoke(options: argparse.Namespace) -> bool:
    return bool(asyncio.run(_with_store(_settings(options), lambda store: store.revoke_key(options.name))))


def _keys_list(options: argparse.Namespace) -> bool:
    for key in asyncio.run(_with_store(_settings(options), lambda store: store.keys())):
        print(f"{key['name']:24} {' '.join(key['scopes'])}")
    return True


def _customers_add(options: argparse.Namespace) -> bool:
    secret = pyotp.random_base32() if options.totp else None
    asyncio.run(_with_store(
        _settings(options), lambda store: store.upsert_customer(options.ref, totp_secret=secret)
    ))
    if secret is not None:
        print(pyotp.TOTP(secret, name=options.ref, issuer="voiceguard").provisioning_uri())
    return True


# ── voices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _enrol_add(options: argparse.Namespace) -> bool:
    print(_with_recorder(options, lambda recorder: recorder.enrol(
        options.ref, options.audio, consent=options.consent, author=options.by
    )))
    return True


def _enrol_delete(options: argparse.Namespace) -> bool:
    return bool(_with_voices(options, lambda voices: voices.forget_voiceprint(
        options.ref, author=options.by, reason=options.reason, now=time.time()
    )))


def _enrol_list(options: argparse.Namespace) -> bool:
    return _print_lines(_with_voices(options, lambda voices: voices.voiceprint_history(options.ref)))


def _watchlist_add(options: argparse.Namespace) -> bool:
    from voiceguard.adapters.voices import Listing

    try:
        listing = Listing(options.reason, options.expires, options.review)
    except ValueError as error:
        raise ConfigurationError(f"{error}") from None
    print(_with_recorder(options, lambda recorder: recorder.put_on_watchlist(
        options.audio, listing, author=options.by
    )))
    return True


def _watchlist_review(options: argparse.Namespace) -> bool:
    return bool(_with_voices(options, lambda voices: voices.review_listed(
        options.entry_id, author=options.by, days=options.days, now=time.time()
    )))


def _watchlist_remove(options: argparse.Namespace) -> bool:
    return bool(_with_voices(options, lambda voices: voices.unlist(
        options.entry_id, author=options.by, reason=options.reason, now=time.time()
    )))


def _watchlist_list(options: argparse.Namespace) -> bool:
    return _print_lines(_with_voices(options, lambda voices: voices.watchlist_history()))


def _watchlist_search(options: argparse.Namespace) -> bool:
    return _print_lines(_with_recorder(options, lambda recorder: recorder.search(options.audio, author=options.by)))


def _print_lines(rows: Sequence[dict[str, Any]]) -> bool:
    for row in rows:
        print(json.dumps(row))
    return True


def _with_recorder(options: argparse.Namespace, use: Callable[[Any], Any]) -> Any:
    from voiceguard.adapters.detectors import load_detectors
    from voiceguard.adapters.policy_files import read_policy
    from voiceguard.analysis.voices import Recorder

    settings = _settings(options)
    policy, detectors = read_policy(settings.policy_file), load_detectors(settings)
    return asyncio.run(_with_store(settings, lambda store: use(Recorder(store, settings, policy, detectors))))


def _with_voices(options: argparse.Namespace, use: Callable[[Any], Any]) -> Any:
    from voiceguard.adapters.onnx_models import MODELS_FOLDER, load_model

    settings = _settings(options)
    model = load_model((settings.models_dir or MODELS_FOLDER) / settings.speaker_model).version
    return asyncio.run(_with_store(settings, lambda store: use(store.voices(model))))


async def _with_store(settings: Settings, use: Callable[[Any], Any]) -> Any:
    from voiceguard.adapters.keys import Keys
    from voiceguard.adapters.store import Store

    keys = Keys.open(settings.data_dir)
    async with Store.open(settings.store_url, cipher=keys.cipher) as store:
        return await use(store)
