"""The policy file: actions have tiers, tiers have ordered CEL rules, the first rule that matches decides.

Three things are fixed here, whatever a file says: an unknown action is denied, a tier that demands assurance denies an
unknown or locked-out customer, and nothing is allowed while none of the tier's assurance sets is held. A rule that
fails, or answers anything but true or false, hands over (reason `policy_fault`); it never allows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import cel
import yaml

from voiceguard.errors import ConfigurationError
from voiceguard.events import Decision, Reason, Risk

ASSURANCES = ("otp", "human", "second_human")
METHODS = ("totp", "delivered_code")
RISK_FIELDS = ("score", "band", "state", "net_speech_s", "evidence")
NAMES = (
    "risk", "assurance", "consent", "customer_known", "locked", "injection", "action", "tier", "parameters",
)
"""Every name that a rule may use."""

_MAX_TEXT = 128 * 1024
_MAX_RULES = 64
_MAX_WHEN = 1000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*(\w+)\s*,")
_RISK_FIELD = re.compile(r"\brisk\.(\w+)")

Method = Literal["totp", "delivered_code"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a tier: when its guard is true, its decision stands."""

    name: str
    when: str
    decision: Decision
    reason: Reason
    program: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Remark:
    """A reason added to every ruling while its guard is true."""

    when: str
    reason: Reason
    program: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Tier:
    """`assurance`: the sets of which one must be held before anything is allowed; none: the tier is open.

    `verify`: whether asking for an action of this tier has the buffered speech judged by the second detector too.
    """

    name: str
    assurance: tuple[frozenset[str], ...]
    rules: tuple[Rule, ...]
    verify: bool = False

    @property
    def sensitive(self) -> bool:
        """Whether an allowed action needs assurance, a customer and a grant."""
        return bool(self.assurance)

    def satisfied_by(self, held: Collection[str]) -> bool:
        """Whether `held` contains one of the demanded sets."""
        return not self.assurance or any(demanded.issubset(held) for demanded in self.assurance)


@dataclass(frozen=True, slots=True)
class ChallengeTerms:
    """Terms of a step-up, in seconds; loaded only within the limits of NIST SP 800-63B-4 and PSD2 RTS article 4."""

    methods: tuple[Method, ...]
    acr: str
    expires_s: int
    tries: int
    lockout_s: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy says of an action; `reasons` starts with the deciding rule's."""

    decision: Decision
    rule: str
    reasons: tuple[Reason, ...]
    tier: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was tried. `detail` names a fault's kind, never its values."""

    rule: str
    when: str
    outcome: Literal["matched", "not_matched", "fault"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A ruling, and each rule that was tried on the way to it."""

    ruling: Ruling
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A loaded policy file. Build it with `load`."""

    version: str
    sha256: str
    """Hash of the file's text, hex."""
    actions: Mapping[str, str]
    """Action to the name of its tier."""
    tiers: Mapping[str, Tier]
    remarks: tuple[Remark, ...]
    challenge: ChallengeTerms
    grant_expires_s: int

    def tier(self, action: str) -> Tier | None:
        """The action's tier, or None for an unknown action."""
        return self.tiers.get(self.actions.get(action, ""))

    def decide(self, action: str, context: Mapping[str, Any]) -> Ruling:
        """Rule on `action` in a `context`; every fault is a handover, never an error."""
        return explain(self, action, context).ruling


def context(
    risk: Risk, *, assurance: Iterable[str], consent: bool, customer_known: bool, locked: bool, injection: bool,
    action: str, tier: str, parameters: Mapping[str, str],
) -> dict[str, Any]:
    """The names that rules see. `risk.score` is -1 where the risk has none."""
    return {
        "risk": {
            "score": -1 if risk.score is None else risk.score,
            "band": risk.band.value,
            "state": risk.state.value,
            "net_speech_s": float(risk.net_speech_s),
            "evidence": {item.source: float(item.llr) for item in risk.evidence},
        },
        "assurance": sorted(assurance),
        "consent": consent,
        "customer_known": customer_known,
        "locked": locked,
        "injection": injection,
        "action": action,
        "tier": tier,
        "parameters": dict(parameters),
    }


def explain(policy: Policy, action: str, context: Mapping[str, Any]) -> Trace:
    """The ruling of `Policy.decide`, with each rule that was tried and how it answered."""
    tier = policy.tier(action)
    if tier is None:
        reason = Reason("unknown_action", "The policy does not know this action.")
        return Trace(Ruling(Decision.DENY, "unknown_action", (reason,), "unknown"), ())
    steps: list[Step] = []
    try:
        seen = cel.Context(variables={**context, "action": action, "tier": tier.name})
        held = frozenset(context["assurance"])
    except Exception:  # values of a foreign kind
        return Trace(_fault("context", tier), ())
    for rule in (*_GUARDS, *tier.rules) if tier.sensitive else tier.rules:
        try:
            matched = _true(rule.program, seen)
        except Exception as error:  # whatever CEL meets in foreign values must end in a person's hands
            steps.append(Step(rule.name, rule.when, "fault", type(error).__name__))
            return Trace(_fault(rule.name, tier), tuple(steps))
        steps.append(Step(rule.name, rule.when, "matched" if matched else "not_matched"))
        if matched:
            return Trace(_ruling(policy, tier, rule, seen, held), tuple(steps))
    reason = Reason("no_rule", "No rule of the policy applies.")
    return Trace(Ruling(Decision.DENY, "no_rule", (reason,), tier.name), tuple(steps))


def _ruling(policy: Policy, tier: Tier, rule: Rule, seen: cel.Context, held: frozenset[str]) -> Ruling:
    try:
        remarks = tuple(remark.reason for remark in policy.remarks if _true(remark.program, seen))
    except Exception:  # as above
        return _fault(rule.name, tier)
    if rule.decision is Decision.ALLOW and not tier.satisfied_by(held):
        return _fault(rule.name, tier)
    return Ruling(rule.decision, rule.name, (rule.reason, *remarks), tier.name)


def _fault(rule: str, tier: Tier) -> Ruling:
    reason = Reason("policy_fault", "A rule of the policy failed, so a person decides.")
    return Ruling(Decision.HANDOVER, rule, (reason,), tier.name)


def _true(program: Any, seen: cel.Context) -> bool:
    answer = program.execute(seen)
    if answer is not True and answer is not False:
        raise TypeError("a guard answers true or false")
    return answer


# ── loading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error, because the second would silently win, and so are merge
    keys, because a few lines of them grow without bound."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "merge keys are not taken", key.start_mark)
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            keys.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)


def load(text: str) -> Policy:
    """Read a policy file's text. Raises ConfigurationError naming the place that is wrong."""
    if len(text) > _MAX_TEXT:
        raise ConfigurationError(f"policy: longer than {_MAX_TEXT} characters")
    try:
        tree = _Loader(text).get_single_data()
        digest = hashlib.sha256(text.encode()).hexdigest()
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f" line {error.problem_mark.line + 1}"
        raise ConfigurationError(f"policy:{line} {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError("policy: this is not YAML") from error
    root = _mapping(tree, "policy", ("version", "challenge", "grant", "actions", "tiers", "remarks"))
    tiers = {
        _name(name, "tiers"): _tier(name, node, f"tiers.{name}")
        for name, node in _entries(root["tiers"], "tiers").items()
    }
    actions = {_name(name, "actions"): tier for name, tier in _entries(root["actions"], "actions").items()}
    for name, tier in actions.items():
        if not isinstance(tier, str) or tier not in tiers:
            raise ConfigurationError(f"actions.{name}: no such tier")
    grant = _mapping(root["grant"], "grant", ("expires_s",))
    return Policy(
        version=_text(root["version"], "version"),
        sha256=digest,
        actions=MappingProxyType(actions),
        tiers=MappingProxyType(tiers),
        remarks=tuple(
            _remark(node, f"remarks[{place}]") for place, node in enumerate(_items(root["remarks"], "remarks"))
        ),
        challenge=_challenge(root["challenge"]),
        grant_expires_s=_int(grant["expires_s"], "grant.expires_s", 1, 600),
    )


def _challenge(node: Any) -> ChallengeTerms:
    terms = _mapping(node, "challenge", ("methods", "acr", "expires_s", "tries", "lockout_s"))
    methods = _items(terms["methods"], "challenge.methods")
    if not methods or any(method not in METHODS for method in methods) or len(set(methods)) < len(methods):
        raise ConfigurationError(f"challenge.methods: one or more of {', '.join(METHODS)}, each once")
    return ChallengeTerms(
        methods=tuple(methods),
        acr=_text(terms["acr"], "challenge.acr"),
        expires_s=_int(terms["expires_s"], "challenge.expires_s", 30, 600),
        tries=_int(terms["tries"], "challenge.tries", 1, 5),
        lockout_s=_int(terms["lockout_s"], "challenge.lockout_s", 60, 86400),
    )


def _tier(name: str, node: Any, place: str) -> Tier:
    verify = node.get("verify", False) if isinstance(node, dict) else False
    if not isinstance(verify, bool):
        raise ConfigurationError(f"{place}.verify: true or false is expected")
    fields = _mapping(node, place, ("assurance", "rules"), optional=("verify",))
    demanded = []
    for number, held in enumerate(_items(fields["assurance"], f"{place}.assurance")):
        here = f"{place}.assurance[{number}]"
        names = _items(held, here)
        if not names or any(item not in ASSURANCES for item in names):
            raise ConfigurationError(f"{here}: one or more of {', '.join(ASSURANCES)}")
        demanded.append(frozenset(names))
    rules = tuple(
        _rule(item, f"{place}.rules[{number}]")
        for number, item in enumerate(_items(fields["rules"], f"{place}.rules"))
    )
    names = [rule.name for rule in rules]
    if not rules or len(set(names)) < len(names):
        raise ConfigurationError(f"{place}.rules: at least one rule, each name once")
    return Tier(name, tuple(demanded), rules, verify)


def _rule(node: Any, place: str) -> Rule:
    fields = _mapping(node, place, ("name", "when", "decision", "reason"))
    if fields["decision"] not in tuple(Decision):
        raise ConfigurationError(f"{place}.decision: one of {', '.join(Decision)}")
    when = _text(fields["when"], f"{place}.when")
    return Rule(
        _name(fields["name"], f"{place}.name"), when, Decision(fields["decision"]),
        _reason(fields["reason"], f"{place}.reason"), _compile(when, f"{place}.when"),
    )


def _remark(node: Any, place: str) -> Remark:
    fields = _mapping(node, place, ("when", "reason"))
    when = _text(fields["when"], f"{place}.when")
    return Remark(when, _reason(fields["reason"], f"{place}.reason"), _compile(when, f"{place}.when"))


def _reason(node: Any, place: str) -> Reason:
    fields = _mapping(node, place, ("code", "text"))
    return Reason(_name(fields["code"], f"{place}.code"), _text(fields["text"], f"{place}.text"))


def _compile(when: str, place: str) -> Any:
    if len(when) > _MAX_WHEN:
        raise ConfigurationError(f"{place}: longer than {_MAX_WHEN} characters")
    try:
        program = cel.compile(when)
    except ValueError as error:
        raise ConfigurationError(f"{place}: this is not CEL: {when!r}") from error
    for name in program.variables():
        if name not in NAMES and name not in _BOUND.findall(when):
            raise ConfigurationError(f"{place}: no such name: {name}")
    for name in _RISK_FIELD.findall(when):
        if name not in RISK_FIELDS:
            raise ConfigurationError(f"{place}: no such name: risk.{name}")
    return program


def _mapping(node: Any, place: str, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise ConfigurationError(f"{place}: a mapping is expected")
    for key in keys:
        if key not in node:
            raise ConfigurationError(f"{place}.{key}: missing")
    for key in node:
        if key not in keys and key not in optional:
            raise ConfigurationError(f"{place}: unknown key {key!r}")
    return node


def _entries(node: Any, place: str) -> dict[Any, Any]:
    if not isinstance(node, dict) or not 1 <= len(node) <= 1000:
        raise ConfigurationError(f"{place}: a mapping of 1 to 1000 entries is expected")
    return node


def _items(node: Any, place: str) -> list[Any]:
    if not isinstance(node, list) or len(node) > _MAX_RULES:
        raise ConfigurationError(f"{place}: a list of at most {_MAX_RULES} entries is expected")
    return node


def _name(node: Any, place: str) -> str:
    if not isinstance(node, str) or not _NAME.fullmatch(node):
        raise ConfigurationError(f"{place}: a name in snake_case is expected, not {node!r:.80}")
    return node


def _text(node: Any, place: str) -> str:
    if not isinstance(node, str) or not 1 <= len(node) <= _MAX_WHEN:
        raise ConfigurationError(f"{place}: a text of 1 to {_MAX_WHEN} characters is expected (put it in quotes)")
    return node


def _int(node: Any, place: str, least: int, most: int) -> int:
    if type(node) is not int or not least <= node <= most:
        raise ConfigurationError(f"{place}: a whole number from {least} to {most} is expected")
    return node


def _guard(name: str, when: str, text: str) -> Rule:
    return Rule(name, when, Decision.DENY, Reason(name, text), cel.compile(when))


_GUARDS = (
    _guard("customer_missing", "!customer_known", "Nobody is known whose action this would be."),
    _guard("customer_locked", "locked", "Too many wrong codes: step-ups of this customer are refused for a while."),
)
"""Tried first in every tier that demands assurance; no file can leave them out."""
