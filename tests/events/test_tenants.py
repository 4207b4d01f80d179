"""Names under which calls and customers of several tenants are kept beside each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceguard.events.tenants import DEFAULT, NAME, kept_name, own_name, tenant_of, with_own_names
from voiceguard.ingest.fields import IDENTIFIER

TENANTS = st.from_regex(NAME, fullmatch=True)
NAMES = st.from_regex(IDENTIFIER, fullmatch=True)


@given(TENANTS, NAMES)
def test_kept_name_names_tenant_and_call(tenant: str, name: str) -> None:
    """What a platform named is found again under its tenant, and told by its own name."""
    kept = kept_name(tenant, name)

    assert (tenant, name) == (tenant_of(kept), own_name(kept))


@given(TENANTS, TENANTS, NAMES, st.text(max_size=20))
def test_kept_name_of_another_tenant_cannot_be_given(tenant: str, other: str, name: str, forged: str) -> None:
    """Whatever a key of one tenant writes, it names nothing that another keeps."""
    victim = kept_name(other, name)
    for attempt in (victim, f"{other}~{name}", f"~{victim}", forged):
        if tenant != other:
            assert victim != kept_name(tenant, attempt) or attempt == name


def test_chain_of_people_cannot_be_named() -> None:
    """It is the service's own, and no call of any tenant."""
    assert "~people" not in {kept_name(tenant, name) for tenant in (DEFAULT, "a", "") for name in ("~people", "people")
                             if tenant}


def test_with_own_names_changes_names_alone() -> None:
    """At any depth, and no other text that looks like one."""
    body = {"call_id": "a~c1", "text": "a~c1", "calls": [{"customer_ref": "a~x", "place": {"chain": "a~c1"}}]}

    assert {
        "call_id": "c1", "text": "a~c1", "calls": [{"customer_ref": "x", "place": {"chain": "c1"}}]
    } == with_own_names(body)
