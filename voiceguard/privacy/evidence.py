"""Evidence for region packs: facts of an installation in, for each requirement what was measured and whether it is met.

Nothing here reads a clock, a file or a database; see `voiceguard.adapters.facts` for where facts come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from voiceguard.errors import ConfigurationError
from voiceguard.privacy.meanings import MEANINGS
from voiceguard.privacy.places import PLACES
from voiceguard.privacy.regions import Pack, PolicyView, Requirement, for_one_person, unguarded

Status = Literal["met", "not met", "operator"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so on an installation at one moment."""

    settings: Mapping[str, Any]
    """Dotted name to the value in force."""
    policy: PolicyView
    policy_hash: str
    masked: frozenset[str]
    """Kinds of personal data that the masker masked in its examples just now."""
    models: Mapping[str, bool]
    """Model to whether its weights have the hash of its card."""
    audit: Mapping[str, Any]
    """`faults`, `calls`, `records`, `checkpoints`, and `newest` (text) of the verification just now."""
    counts: Mapping[str, int]
    """Of the store, see `voiceguard.adapters.store.facts`."""
    last: Mapping[str, str] = field(default_factory=dict)
    """`swept`: when retention last ended something, as people read it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement and its answer."""

    pack: str
    requirement: Requirement
    status: Status
    measured: tuple[str, ...]
    """What was measured, one text a measure; a text that begins with NOT is not as demanded."""

    def as_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"pack": self.pack, **self.requirement.model_dump(exclude={"evidence"}), "status": self.status,
                "measures": list(self.requirement.evidence), "measured": list(self.measured)}


Measure = Callable[[Facts], tuple[bool, str]]


def findings(packs: Sequence[Pack], facts: Facts) -> list[Finding]:
    """Every requirement of the packs, in their order. Raises ConfigurationError for a measure that there is not."""
    return [_answered(pack, requirement, facts) for pack in packs for requirement in pack.requirement]


def check_measures(pack: Pack) -> None:
    """Raises ConfigurationError for a requirement whose evidence nothing measures."""
    for place, requirement in enumerate(pack.requirement):
        for name in requirement.evidence:
            try:
                _measure(pack, name)
            except KeyError:
                raise ConfigurationError(
                    f"pack {pack.name}: requirement[{place}].evidence: nothing measures {name!r:.80}"
                ) from None


def _answered(pack: Pack, requirement: Requirement, facts: Facts) -> Finding:
    measured = [_measure(pack, name)(facts) for name in requirement.evidence]
    status: Status = "operator" if not measured else "met" if all(right for right, _ in measured) else "not met"
    return Finding(
        pack.name, requirement, status, tuple(text if right else f"NOT: {text}" for right, text in measured)
    )


def _measure(pack: Pack, name: str) -> Measure:
    """Raises KeyError for a name that nothing measures."""
    kind, _, of = name.partition(" ")
    if kind == "setting":
        bound = pack.bounds[of]
        return lambda facts: (bound.takes(facts.settings[of]),
                              f"{of} is {_shown(facts.settings[of])} (demanded: {bound})")
    if kind == "policy":
        number = pack.policy.numbers[of]
        return lambda facts: (number.takes(facts.policy.numbers[of]),
                              f"policy {facts.policy_hash}: {of} is {facts.policy.numbers[of]:g} (demanded: {number})")
    if name == "guarded":
        return lambda facts: _guarded(pack, facts)
    if name == "two people":
        return lambda facts: _two_people(pack, facts)
    if name == "masking":
        return lambda facts: _masking(pack, facts)
    return MEASURES[name]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def _guarded(pack: Pack, facts: Facts) -> tuple[bool, str]:
    open_ = unguarded(pack, facts.policy)
    there = [tier for tier in pack.policy.guarded if tier in facts.policy.tiers]
    return not open_, f"policy {facts.policy_hash}: tiers {_list(there)} demand a code or a person" if not open_ else (
        f"policy {facts.policy_hash}: tiers {_list(open_)} demand nothing")


def _two_people(pack: Pack, facts: Facts) -> tuple[bool, str]:
    single = for_one_person(pack, facts.policy)
    return not single, f"policy {facts.policy_hash}: " + (
        f"tiers {_list(single)} are allowed by one person" if single
        else f"tiers {_list(pack.policy.two_people)} are allowed by two people or a code")


def _masking(pack: Pack, facts: Facts) -> tuple[bool, str]:
    bare = [kind for kind in pack.masking.kinds if kind not in facts.masked]
    return not bare, (f"examples of {_list(bare)} were not masked" if bare
                      else f"examples of {_list(pack.masking.kinds)} were masked just now")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _zero(count: str, fault: str, right: str) -> Measure:
    """Met where a count is 0. `fault` and `right` name counts in braces."""
    return lambda facts: (not facts.counts[count], (fault if facts.counts[count] else right).format_map(facts.counts))


def _told(text: str) -> Measure:
    """A count that is told and demands nothing."""
    return lambda facts: (True, text.format_map(facts.counts))


def _audit_whole(facts: Facts) -> tuple[bool, str]:
    seen, faults = facts.audit, facts.audit["faults"]
    said = "{calls} calls, {records} records, {checkpoints} signed checkpoints, newest {newest}".format_map(seen)
    return not faults, said + (f": {faults} faults, which voiceguard audit verify names" if faults else ": all whole")


def _witness(facts: Facts) -> tuple[bool, str]:
    kept = facts.settings["audit.witness_file"]
    return kept is not None, "audit.witness_file is set" if kept else "audit.witness_file is empty"


def _in_transit(facts: Facts) -> tuple[bool, str]:
    settings = facts.settings
    if settings["tls.certificate"]:
        return True, "tls.certificate is set: the service ends TLS itself"
    if settings["clear_text_beyond_loopback"]:
        is_proxied = str(settings["public_origin"] or "").startswith(("https:", "wss:"))
        return is_proxied, "clear text beyond loopback, " + (
            "behind a proxy whose origin is https" if is_proxied else "and public_origin is not https")
    return True, f"listens on {settings['host']} without TLS: serve refuses clear text beyond loopback"


def _map_complete(facts: Facts) -> tuple[bool, str]:
    del facts  # the map is that of the code that runs
    resting = [(place, MEANINGS[word.partition(":")[2] or word.partition(":")[0]])
               for place in PLACES for word in place.fields.split()]
    bare = [place.where for place, said in resting
            if (said.kind in ("personal", "biometric") and not said.basis)
            or (place.where.startswith(("table ", "record ", "file ")) and not place.retention)]
    fields = f"{len(resting)} fields in {len(PLACES)} places are declared with class, purpose, basis and retention"
    return not bare, f"{_list(sorted(set(bare)))}: no basis or retention" if bare else fields


def _no_audio(facts: Facts) -> tuple[bool, str]:
    del facts
    kept = [place.where for place in PLACES if place.rests
            for word in place.fields.split()
            if (word.partition(":")[2] or word.partition(":")[0]) in ("payload", "samples", "window", "raw_text")]
    return not kept, f"{_list(kept) if kept else 'no place of the data-flow map'} keeps audio, or words unmasked"


def _models_known(facts: Facts) -> tuple[bool, str]:
    wrong = [name for name, right in facts.models.items() if not right]
    return not wrong and bool(facts.models), (
        f"{_list(wrong)}: weights differ from the card" if wrong or not facts.models
        else f"{_list(sorted(facts.models))}: weights have the hashes of their cards")


def _people_decide(facts: Facts) -> tuple[bool, str]:
    tiers = facts.policy.tiers.items()
    without = [name for name, sets in tiers if sets and not any("human" in held for held in sets)]
    said = "{decisions} decisions, {handed_over} of them handed to a person, {by_person} decided by a named one"
    return not without, f"policy {facts.policy_hash}: " + (
        f"tiers {_list(without)} have no way to a person" if without
        else f"every guarded tier has a way to a person; {said.format_map(facts.counts)}")


def _factors(facts: Facts) -> tuple[bool, str]:
    held = {factor for sets in facts.policy.tiers.values() for one in sets for factor in one}
    return held <= {"otp", "human", "second_human"}, (
        f"policy {facts.policy_hash} accepts {_list(sorted(held))}: no voice is ever a factor")


def _linking(facts: Facts) -> tuple[bool, str]:
    basis = facts.settings["linking.legal_basis"]
    return True, "voices are not linked across customers" if not basis else "linking has a legal basis in its setting"


MEASURES: Final[Mapping[str, Measure]] = {
    "audit_whole": _audit_whole,
    "witness": _witness,
    "in_transit": _in_transit,
    "map_complete": _map_complete,
    "no_audio": _no_audio,
    "models_known": _models_known,
    "people_decide": _people_decide,
    "factors": _factors,
    "linking": _linking,
    "retention_done": lambda facts: (
        not facts.counts["overdue"],
        f"{facts.counts['overdue']} things are a day or more over their time, {facts.counts['held']} held; "
        f"last ended {facts.last.get('swept', 'never')}"),
    "consents": _told("ledger: {consents_in_force} in force, {consents_withdrawn} withdrawn"),
    "voiceprints_consented": _zero(
        "voiceprints_without_consent", "{voiceprints_without_consent} of {voiceprints} voiceprints have no consent in "
        "force", "{voiceprints} voiceprints, each with a consent to enrol in force"),
    "voices_erased": _zero(
        "ended_voices_kept", "{ended_voices_kept} ended voices still hold their numbers",
        "{ended_voices} ended voices, all erased"),
    "second_factor": _zero(
        "people_without_second_factor", "{people_without_second_factor} of {people} people sign in without one",
        "{people} people may sign in, each with a second factor"),
    "guesses": _zero(
        "people_with_password", "{people_with_password} people sign in by password, where waits after wrong guesses "
        "grow to 15 minutes and not 30", "nobody signs in by password here"),
    "people_used": _zero("people_unused", "{people_unused} of {people} people did not sign in for 90 days",
                         "{people} people, all signed in or added within 90 days"),
    "keys_expire": _zero("keys_for_ever", "{keys_for_ever} of {keys} keys never expire",
                         "{keys} keys, each with an end"),
    "keys_used": _zero("keys_unused", "{keys_unused} of {keys} keys were not used for 90 days",
                       "{keys} keys, all used or made within 90 days"),
    "secrets_sealed": _zero("secrets_in_clear", "{secrets_in_clear} of {secrets} kept secrets are not encrypted",
                            "{secrets} kept secrets, notes and voices, all encrypted"),
    "grants_bound": _told("{grants} grants, {grants_redeemed} redeemed, each bound to call, customer, action and "
                          "parameters"),
    "decisions": _told("{decisions} decisions, each with a receipt in its call's chain"),
    "least_fields": _told("{keys} keys, {keys_cut} cut down to fields or tiers of actions, {assistants} of assistants"),
    "holds": _told("{holds} legal holds in force"),
}
"""Name to what is measured."""
