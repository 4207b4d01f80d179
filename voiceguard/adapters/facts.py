"""The facts of an installation that region packs are measured by, as they are now."""

from __future__ import annotations

from datetime import UTC, datetime

from voiceguard.adapters.audit_verify import verify_installation
from voiceguard.adapters.models.onnx import MODELS_FOLDER, model_cards
from voiceguard.adapters.packs import as_values, masked_kinds, view_of
from voiceguard.adapters.policy_files import read_policy
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.facts import counts, last_swept
from voiceguard.privacy.evidence import Facts
from voiceguard.settings import Settings


async def facts_of(settings: Settings, now: float) -> Facts:
    """Measure an installation; nothing is made or changed. `now`: Unix seconds.

    Raises NothingThere where nothing was ever recorded.
    """
    policy = read_policy(settings.policy_file)
    found = await verify_installation(settings, None, now)
    async with Store.read(settings.store_url) as store:
        counted = await counts(store.database, settings.retention, now)
        swept = await last_swept(store.database)
    seen = found.seen
    newest = "none" if seen.newest is None else f"{seen.newest.number} of {_moment(seen.newest.issued_at)}"
    return Facts(
        as_values(settings), view_of(policy), policy.sha256[:12], masked_kinds(),
        {card["name"]: card["verified"] for card in model_cards(settings.models_dir or MODELS_FOLDER)},
        {"faults": len(seen.faults), "calls": seen.calls, "records": seen.records, "checkpoints": seen.checkpoints,
         "newest": newest},
        counted, {} if swept is None else {"swept": _moment(swept)},
    )


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
