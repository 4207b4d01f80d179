"""Region packs: reading, merging, and what contradicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import ConfigurationError
from voiceguard.privacy.regions import Change, Pack, PolicyView, masking_faults, merged, policy_faults, read_pack

HEAD = 'name = "{0}"\ntitle = "T"\n'
TAIL = '\n[[requirement]]\narticle = "1"\nasks = "a"\ncontrol = "c"\noperator = "o"\n'
VALUES = {
    "retention.call_days": 400.0, "desk.session_idle_s": 1800.0, "require_consent": False, "host": "127.0.0.1",
    "require_transcript_consent": False, "retention.voiceprint_days": 1095.0,
}
POLICY = PolicyView(
    {"challenge.tries": 3, "challenge.expires_s": 300, "challenge.lockout_s": 900, "grant.expires_s": 120},
    {"open": (), "money": (frozenset({"otp"}), frozenset({"human"}))},
)


def _pack(body: str, name: str = "one") -> Pack:
    return read_pack(HEAD.format(name) + body + TAIL, f"{name}.toml")


def _days(most: float | None = None, least: float | None = None, name: str = "one") -> Pack:
    bounds = [f"{word} = {number}" for word, number in (("most", most), ("least", least)) if number is not None]
    return _pack(f"[retention]\ncall = {{{', '.join(bounds)}}}", name)


def test_merged_setting_above_most_is_lowered() -> None:
    """The change says what it was and which pack did it."""
    assert [Change("retention.call_days", 400.0, 90.0, ("one",))] == merged(VALUES, [_days(most=90.0)])


def test_merged_setting_below_least_is_raised() -> None:
    """What is deleted too early is kept."""
    assert [Change("retention.call_days", 400.0, 730.0, ("one",))] == merged(VALUES, [_days(least=730.0)])


def test_merged_stricter_setting_stays() -> None:
    """The configuration may be stricter than the pack."""
    assert [] == merged(VALUES, [_days(most=1000.0, least=30.0)])


def test_merged_two_most_smaller_wins() -> None:
    """In whichever order they are named."""
    packs = [_days(most=90.0, name="one"), _days(most=30.0, name="two")]

    assert [30.0, 30.0] == [merged(VALUES, order)[0].after for order in (packs, packs[::-1])]


def test_merged_two_least_larger_wins() -> None:
    """In whichever order they are named."""
    packs = [_days(least=500.0, name="one"), _days(least=600.0, name="two")]

    assert [600.0, 600.0] == [merged(VALUES, order)[0].after for order in (packs, packs[::-1])]


def test_merged_least_above_most_of_another_pack_is_refused() -> None:
    """One line names the setting, both packs and both numbers."""
    with pytest.raises(ConfigurationError, match=r"^retention.call_days: pack two demands at least 2190, and pack one"
                                                 r" at most 400$"):
        merged(VALUES, [_days(most=400.0, name="one"), _days(least=2190.0, name="two")])


def test_merged_switches_that_differ_are_refused() -> None:
    """A switch has no strictest."""
    packs = [_pack('[settings]\n"require_consent" = {is = true}', "one"),
             _pack('[settings]\n"require_consent" = {is = false}', "two")]

    with pytest.raises(ConfigurationError, match="pack one demands true, and pack two demands false"):
        merged(VALUES, packs)


def test_merged_required_consent_turns_the_setting_on() -> None:
    """`consent.required` speaks of purposes, the setting of the same."""
    (change,) = merged(VALUES, [_pack('[consent]\nrequired = ["voice_analysis"]')])

    assert ("require_consent", True) == (change.name, change.after)


@pytest.mark.parametrize(("body", "said"), [
    ('[settings]\n"no.such" = {most = 1}', "no.such: there is no such setting"),
    ('[settings]\n"host" = {most = 1}', "host: at most 1 cannot be demanded"),
    ('[settings]\n"require_consent" = {most = 1}', "require_consent: at most 1 cannot be demanded"),
    ('[settings]\n"retention.call_days" = {is = true}', "retention.call_days: true cannot be demanded"),
])
def test_merged_demand_that_no_setting_can_keep_is_refused(body: str, said: str) -> None:
    """The pack and the setting are named."""
    with pytest.raises(ConfigurationError, match=f"^pack one: {said}"):
        merged(VALUES, [_pack(body)])


@pytest.mark.parametrize(("body", "said"), [
    ("[retention", "pack one.toml: "),
    ("surplus = 1", "surplus: Extra inputs"),
    ("[retention]\ncall = {}", "retention.call: Value error, either most"),
    ('[retention]\ncall = {most = "1"}', "retention.call.most: "),
    ("[retention]\nnonsense = {most = 1}", "retention.nonsense"),
    ('[consent]\nrequired = ["sale"]', r"consent.required\[0\]: "),
    ('[policy]\nnumbers = {"challenge.colour" = {most = 1}}', "policy.numbers.challenge.colour: no such number"),
])
def test_read_pack_mistake_is_one_line_with_its_place(body: str, said: str) -> None:
    """Whoever wrote the file finds it."""
    with pytest.raises(ConfigurationError, match=said) as fault:
        _pack(body)

    assert "\n" not in str(fault.value) and str(fault.value).startswith("pack one.toml: ")


def test_read_pack_requirement_that_nothing_answers_is_refused() -> None:
    """Evidence, or that it is the operator's."""
    with pytest.raises(ConfigurationError, match=r"requirement\[0\]: .*evidence or operator"):
        read_pack(HEAD.format("one") + TAIL.replace('operator = "o"', ""), "one.toml")


@given(st.text(max_size=200))
def test_read_pack_any_text_is_a_pack_or_one_fault(text: str) -> None:
    """Nothing else is raised."""
    with pytest.raises(ConfigurationError):
        read_pack(text, "one.toml")


def test_policy_faults_name_each_demand_that_is_not_kept() -> None:
    """A number, an open tier, a tier of one person; tiers that the policy lacks are passed over."""
    pack = _pack('[policy]\nnumbers = {"challenge.tries" = {most = 2}}\nguarded = ["open", "none"]\n'
                 'two_people = ["money"]')

    assert [
        "pack one: the policy's challenge.tries is 3, at most 2 is demanded",
        "pack one: the policy's tier open allows without assurance",
        "pack one: the policy's tier money is allowed by one person alone",
    ] == policy_faults([pack], POLICY)


def test_masking_faults_name_kinds_that_stay_readable() -> None:
    """A kind that the masker does not know is one of them."""
    pack = _pack('[masking]\nkinds = ["card", "tattoo"]')

    assert ["pack one: text of kind tattoo is not masked"] == masking_faults([pack], {"card"})
