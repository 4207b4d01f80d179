"""Reading policy files, wrong and hostile ones: what is said of them, and the schema that editors get."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.asked import TEXT, seen
from voiceguard.errors import ConfigurationError
from voiceguard.events import Decision
from voiceguard.policy import load
from voiceguard.policy.schema import json_schema

SCHEMA = Path(__file__).parents[2] / "policies" / "policy.schema.json"
SHIPPED: dict[str, Any] = yaml.safe_load(TEXT)
RULE = ("tiers", "money", "rules", 0)
GONE = object()


def altered(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """The shipped policy, read, with one thing set, added or left out."""
    tree = copy.deepcopy(SHIPPED)
    node: Any = tree
    for key in place[:-1]:
        node = node[key]
    if value is GONE:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return tree


def fault(text: str) -> str:
    """What is said of a wrong file."""
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "policy: a mapping is expected, of version, challenge, grant, actions, remarks, tiers"),
        ("- 1", "policy: a mapping is expected, of version, challenge, grant, actions, remarks, tiers (line 1)"),
        ("a: [", "policy: line 1 expected the node content"),
        ("\x00", "policy: this is not YAML"),
        ("d: 2026-99-99", "policy: this is not YAML"),
        ("[" * 3000, "policy: this is not YAML"),
        ("!!python/object/apply:os.system ['true']", "policy: line 1 could not determine a constructor"),
        ("? [a]\n: b", "policy: line 1 found unhashable key"),
        ("version: \ud800", "policy: this is not YAML"),
        ("x" * 200_000, "policy: longer than 131072 characters"),
        (TEXT.replace("grant:\n", "grant: &g\n").replace("actions:\n", "actions:\n  <<: *g\n"),
         "merge keys are not taken"),
        (TEXT + "\nactions: {payment: information}\n", "policy: line 142 the key 'actions' stands twice"),
        (TEXT.replace("  refund: money", "  payment: information"), "policy: line 39 the key 'payment' stands twice"),
        (TEXT.replace("version:", "wersion:"),
         f"policy: unknown key 'wersion' (known: {', '.join(SHIPPED)}) (line 12)"),
        (TEXT.replace('when: "true"', "when: true", 1),
         "tiers.information.rules[3].when: a text of 1 to 1000 characters in quotes is expected, not True (line 78)"),
    ],
)
def test_text_that_is_no_policy_is_refused(text: str, said: str) -> None:
    """Nothing but ConfigurationError, and it says where; the line is that of the file."""
    assert said in fault(text)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("version",), 1, "version: a text of 1 to 1000 characters in quotes is expected, not 1"),
        (("version",), None, "version: a text of 1 to 1000 characters in quotes is expected"),
        (("version",), "", "version: a text of 1 to 1000 characters in quotes is expected, not ''"),
        (("actions",), {}, "actions: at least 1 entry is expected"),
        (("actions",), [], "actions: a mapping of 1 to 1000 entries is expected"),
        (("actions", "payment"), ["money"], "actions.payment: the name of a tier is expected"),
        (("actions", "Pay Me"), "money",
         "actions: a name in snake_case of at most 64 characters is expected, not 'Pay Me'"),
        (("actions", "p" * 65), "money",
         "actions: a name in snake_case of at most 64 characters is expected, not "
         "'ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp'"),
        (("actions",), dict.fromkeys([f"a{n}" for n in range(1001)], "money"),
         "actions: at most 1000 entries are taken"),
        (("tiers",), {}, "tiers: at least 1 entry is expected"),
        (("tiers", "Gold Tier"), SHIPPED["tiers"]["money"],
         "tiers: a name in snake_case of at most 64 characters is expected, not 'Gold Tier'"),
        (("tiers", "money"), [], "tiers.money: a mapping is expected, of assurance, rules, verify"),
        (("tiers", "money"), None, "tiers.money: a mapping is expected, of assurance, rules, verify"),
        (("tiers", "money", "rules"), GONE, "tiers.money.rules: missing"),
        (("tiers", "money", "rules"), [], "tiers.money.rules: at least 1 entry is expected"),
        (("tiers", "money", "rules"), {}, "tiers.money.rules: a list of at most 64 entries is expected"),
        (("tiers", "money", "rules"), [SHIPPED["tiers"]["money"]["rules"][0] | {"name": f"r{n}"} for n in range(65)],
         "tiers.money.rules: at most 64 entries are taken"),
        (("tiers", "money", "asurance"), [], "tiers.money: unknown key 'asurance' (known: assurance, rules, verify)"),
        (("tiers", "money", "verify"), "yes", "tiers.money.verify: true or false is expected, not 'yes'"),
        (("tiers", "money", "verify"), 1, "tiers.money.verify: true or false is expected, not 1"),
        (("tiers", "money", "assurance"), "otp", "tiers.money.assurance: a list of at most 64 entries is expected"),
        (("tiers", "money", "assurance"), ["otp"],
         "tiers.money.assurance[0]: a list of one or more of otp, human, second_human is expected, not 'otp'"),
        (("tiers", "money", "assurance"), [[]],
         "tiers.money.assurance[0]: a list of one or more of otp, human, second_human is expected"),
        (("tiers", "money", "assurance"), [["otp"], ["voice"]],
         "tiers.money.assurance[1]: a list of one or more of otp, human, second_human is expected"),
        (RULE, [], "tiers.money.rules[0]: a mapping is expected, of name, when, decision, reason"),
        ((*RULE, "when"), GONE, "tiers.money.rules[0].when: missing"),
        ((*RULE, "wen"), "true", "tiers.money.rules[0]: unknown key 'wen' (known: name, when, decision, reason)"),
        ((*RULE, "when"), True,
         "tiers.money.rules[0].when: a text of 1 to 1000 characters in quotes is expected, not True"),
        ((*RULE, "when"), "",
         "tiers.money.rules[0].when: a text of 1 to 1000 characters in quotes is expected, not ''"),
        ((*RULE, "name"), "Two Words",
         "tiers.money.rules[0].name: a name in snake_case of at most 64 characters is expected, not 'Two Words'"),
        ((*RULE, "name"), 7,
         "tiers.money.rules[0].name: a name in snake_case of at most 64 characters is expected, not 7"),
        ((*RULE, "decision"), "maybe",
         "tiers.money.rules[0].decision: one of allow, step_up, handover, deny is expected, not 'maybe'"),
        ((*RULE, "decision"), True,
         "tiers.money.rules[0].decision: one of allow, step_up, handover, deny is expected, not True"),
        ((*RULE, "decision"), ["allow"],
         "tiers.money.rules[0].decision: one of allow, step_up, handover, deny is expected"),
        ((*RULE, "reason"), "because", "tiers.money.rules[0].reason: a mapping is expected, of code, text"),
        ((*RULE, "reason", "text"), GONE, "tiers.money.rules[0].reason.text: missing"),
        ((*RULE, "reason", "txt"), "x", "tiers.money.rules[0].reason: unknown key 'txt' (known: code, text)"),
        ((*RULE, "reason", "code"), "No Code",
         "tiers.money.rules[0].reason.code: a name in snake_case of at most 64 characters is expected, not 'No Code'"),
        (("remarks",), None, "remarks: a list of at most 64 entries is expected"),
        (("remarks",), {}, "remarks: a list of at most 64 entries is expected"),
        (("remarks", 0, "reason"), GONE, "remarks[0].reason: missing"),
        (("remarks", 0, "name"), "x", "remarks[0]: unknown key 'name' (known: when, reason)"),
        (("challenge",), [], "challenge: a mapping is expected, of methods, acr, expires_s, tries, lockout_s"),
        (("challenge", "trys"), 3, "challenge: unknown key 'trys' (known: methods, acr, expires_s, tries, lockout_s)"),
        (("challenge", "methods"), ["voiceprint"],
         "challenge.methods: a list of one or more of totp, delivered_code, each once, is expected"),
        (("challenge", "methods"), [],
         "challenge.methods: a list of one or more of totp, delivered_code, each once, is expected"),
        (("challenge", "methods"), ["totp", "totp"],
         "challenge.methods: a list of one or more of totp, delivered_code, each once, is expected"),
        (("challenge", "methods"), "totp",
         "challenge.methods: a list of one or more of totp, delivered_code, each once, is expected, not 'totp'"),
        (("challenge", "tries"), 6, "challenge.tries: a whole number from 1 to 5 is expected, not 6"),
        (("challenge", "tries"), True, "challenge.tries: a whole number from 1 to 5 is expected, not True"),
        (("challenge", "tries"), "3", "challenge.tries: a whole number from 1 to 5 is expected, not '3'"),
        (("challenge", "expires_s"), 601, "challenge.expires_s: a whole number from 30 to 600 is expected, not 601"),
        (("challenge", "expires_s"), 29, "challenge.expires_s: a whole number from 30 to 600 is expected, not 29"),
        (("challenge", "lockout_s"), GONE, "challenge.lockout_s: missing"),
        (("challenge", "acr"), 1, "challenge.acr: a text of 1 to 1000 characters in quotes is expected, not 1"),
        (("grant", "expires_s"), 86400, "grant.expires_s: a whole number from 1 to 600 is expected, not 86400"),
        (("grant",), "120", "grant: a mapping is expected, of expires_s"),
        (("grant",), {}, "grant.expires_s: missing"),
        (("grant", "x"), 1, "grant: unknown key 'x' (known: expires_s)"),
    ],
)
def test_wrong_value_is_refused_with_its_place_and_what_is_expected(
    place: tuple[str | int, ...], value: Any, said: str
) -> None:
    """The message names the place, what may stand there, and the line; editors see the same files as wrong."""
    tree = altered(place, value)

    told = fault(yaml.safe_dump(tree, sort_keys=False))

    assert said == told.rpartition(" (line ")[0]
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(json.loads(json.dumps(tree)))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("actions", "payment"), "gold",
         "actions.payment: no such tier: 'gold' (known: information, credentials, account_state, entitlement, money)"),
        ((*RULE, "when"), "risk.band ==",
         "tiers.money.rules[0].when: this is not CEL: 'risk.band ==', at character 13: Syntax error: "
         "mismatched input '<EOF>'"),
        ((*RULE, "when"), "risky",
         "tiers.money.rules[0].when: no such name: risky (known: risk, assurance, consent, "
         "customer_known, locked, injection, action, tier, parameters, principal, prepared_by)"),
        ((*RULE, "when"), "risk.bend == 'high'",
         "tiers.money.rules[0].when: no such name: risk.bend (known: risk.score, risk.band, risk.state, "
         "risk.net_speech_s, risk.evidence)"),
        (("remarks", 0, "when"), "((",
         "remarks[0].when: this is not CEL: '((', at character 3: Syntax error: mismatched input '<EOF>'"),
        ((*RULE, "name"), "approved_by_one", "tiers.money.rules: the name 'approved_by_one' stands twice"),
    ],
)
def test_wrong_value_that_no_schema_can_describe_is_refused(
    place: tuple[str | int, ...], value: Any, said: str
) -> None:
    """CEL, names of tiers and names that stand twice are checked when the file is read."""
    assert said == fault(yaml.safe_dump(altered(place, value), sort_keys=False)).rpartition(" (line ")[0]


def test_lines_are_those_of_the_fault() -> None:
    """A key's own line where it is unknown; the line of the mapping that lacks it where it is missing."""
    lines = TEXT.splitlines()
    challenge, lockout = lines.index("challenge:") + 1, lines.index("  lockout_s: 900") + 1

    assert fault(TEXT.replace("  lockout_s", "  lock_out_s")).endswith(f"(line {lockout})")
    assert fault(TEXT.replace("  lockout_s: 900\n", "")).endswith(f"challenge.lockout_s: missing (line {challenge})")


def test_braces_in_a_rule_are_told_as_they_stand() -> None:
    """What a file says is never read as a template."""
    assert "this is not CEL: '{{why}'" in fault(yaml.safe_dump(altered((*RULE, "when"), "{{why}")))


@pytest.mark.parametrize("key", ["version", "actions", "tiers", "remarks", "challenge"])
def test_aliases_do_not_grow(key: str) -> None:
    """Nested aliases, which double with each line, are refused quickly, not unfolded, wherever they stand."""
    lines = ["&a0 [x, x]"] + [f"&a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    bomb = "".join(f"- {line}\n" for line in lines)

    fault(f"{key}:\n{bomb}")
    fault(TEXT.replace(f"\n{key}:", "\nother:") + f"\n{key}:\n{bomb}")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_loads_or_is_refused(data: st.DataObject) -> None:
    """Text cut from or put into a policy raises ConfigurationError or makes a policy; nothing else."""
    start = data.draw(st.integers(0, len(TEXT)))
    stop = data.draw(st.integers(start, min(len(TEXT), start + 40)))
    marks = st.sampled_from(["&a", "*a", "<<: ", "!!set ", "{", "]", "? ", "\t"])
    put = data.draw(st.one_of(st.text(max_size=20), marks))
    try:
        policy = load(TEXT[:start] + put + TEXT[stop:])
    except ConfigurationError:
        return
    ruling = policy.decide("account_recovery", seen())
    assert ruling.decision is not Decision.ALLOW or not policy.tiers[ruling.tier].sensitive


def test_schema_file_is_what_the_models_say() -> None:
    """`voiceguard policy schema > policies/policy.schema.json` writes it again."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json_schema()


def test_shipped_policy_fits_the_schema() -> None:
    """And the schema is one."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.Draft202012Validator(json_schema()).validate(SHIPPED)


def test_every_key_is_described_or_speaks_for_itself() -> None:
    """Editors show what a key with a unit or a rule of its own means."""
    challenge = json_schema()["$defs"]["ChallengeTerms"]["properties"]

    assert {"methods", "acr", "expires_s", "tries", "lockout_s"} == {
        key for key, part in challenge.items() if part.get("description")
    }
    assert (30, 600) == (challenge["expires_s"]["minimum"], challenge["expires_s"]["maximum"])
