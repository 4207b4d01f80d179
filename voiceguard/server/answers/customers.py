"""What is answered about customers: whom callers may claim to be."""

from __future__ import annotations

from typing_extensions import TypedDict


class Customer(TypedDict):
    """A customer; `locked_until`: no code is taken before then."""

    customer_ref: str
    has_authenticator: bool
    locked_until: float | None


class CustomerDetails(Customer):
    """`needs_unlock`: no code is taken until a person lifts the lock-out."""

    needs_unlock: bool
    has_voiceprint: bool


class Customers(TypedDict):
    """A page of customers, by reference."""

    customers: list[Customer]


class ImportedCustomers(TypedDict):
    """How many became known, and who was known already and stays as before."""

    added: int
    known: list[str]
