"""Sentences as transcribers give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.adapters.policy_files import read_policy
from voiceguard.text import intents
from voiceguard.text.intents import recognise


@pytest.mark.parametrize(("text", "action"), [
    ("what's my balance please", "balance_enquiry"),
    ("HOW MUCH MONEY IS IN MY ACCOUNT", "balance_enquiry"),
    ("where on earth is my order", "order_status"),
    ("what time do you close today", "branch_hours"),
    ("i am locked out of my account", "account_recovery"),
    ("I need to recover access to my online banking.", "account_recovery"),
    ("hello i forgot my old password", "password_reset"),
    ("i lost my phone with the authenticator", "mfa_reset"),
    ("I'd like to update my home address", "address_change"),
    ("could you change the mobile number on file", "phone_change"),
    ("i have a new e-mail", "email_change"),
    ("please send a payment to my supplier", "payment"),
    ("i want my money back", "refund"),
    ("can i add a new payee", "payee_add"),
    ("i want to upgrade my current plan", "plan_change"),
    ("please lift the hold on my account", "hold_release"),
    ("freeze my credit card", "hold_place"),
    ("put my subscription on hold", "hold_place"),
    ("i lost access to my account", "account_recovery"),
    ("i can't log in", "account_recovery"),
    ("i do not remember my password", "password_reset"),
    ("reset the m f a", "mfa_reset"),
    ("are you open on sunday", "branch_hours"),
    ("i was thinking of changing my tariff", "plan_change"),
    ("I don\u2019t want a refund", "refund"),
])
def test_what_people_say(text: str, action: str) -> None:
    """Each wish is heard in words that people use."""
    assert action in recognise(text)


@pytest.mark.parametrize("text", [
    "", "hello can you hear me", "yes thank you bye", "the weather is nice today", "put me on hold",
    "hold the line please", "my address book", "a balanced diet",
])
def test_small_talk_asks_for_nothing(text: str) -> None:
    """Nothing is heard where nothing is asked."""
    assert () == recognise(text)


@pytest.mark.parametrize("text", [
    "why am i charged a fee for transferring money", "can my friend send me money", "is it free to send a payment",
    "i tried to make a payment and it was declined",
])
def test_a_question_about_a_payment_is_no_wish_for_one(text: str) -> None:
    """Fees, refusals and money that comes in."""
    assert "payment" not in recognise(text)


@pytest.mark.parametrize(("text", "actions"), [
    ("I have a new email address", ("email_change",)),
    ("change my phone plan", ("plan_change",)),
])
def test_neighbouring_wishes_are_told_apart(text: str, actions: tuple[str, ...]) -> None:
    """Words that two actions share."""
    assert actions == recognise(text)


@given(st.sampled_from(sorted(intents._PATTERNS)), st.text(max_size=200))
def test_case_and_punctuation_do_not_matter(action: str, text: str) -> None:
    """The action's own name, shouted and cut up by punctuation, beside any text."""
    spoken = action.replace("_", " ")
    assert recognise(spoken) == recognise(f"...{action.replace('_', ', ').upper()}?!")
    assert set(recognise(text)) <= set(intents._PATTERNS)


def test_every_intent_is_an_action_of_the_shipped_policy() -> None:
    """A name that the policy does not know would inform nobody."""
    assert set(intents._PATTERNS) <= set(read_policy().actions)
