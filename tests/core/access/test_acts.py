"""One function says who may do what, to which tenant."""

from __future__ import annotations

import pytest

from conserje.access.acts import ACTS, may
from conserje.access.signed import Membership, OperatorRole, Signed, TenantRole


def signed(operator: OperatorRole | None = None, **of: TenantRole) -> Signed:
    """Somebody with an operator's role, or with roles at tenants 1 (acme) and 2 (bravo)."""
    ids = {"acme": 1, "bravo": 2}
    members = tuple(Membership(ids[slug], slug, slug, role, 1, "Ana") for slug, role in of.items())
    return Signed(1, "ana@example.com", "Ana", None, operator, members, bytes(32), True)


@pytest.mark.parametrize("act", ACTS)
def test_nobody_may_anything_at_a_tenant_of_which_they_are_not(act: str) -> None:
    assert may(signed(bravo="owner"), act, 1) is ACTS[act].own


@pytest.mark.parametrize("act", ACTS)
def test_who_has_no_role_may_nothing_but_what_is_their_own(act: str) -> None:
    assert may(signed(), act, 1) is may(signed(), act, None) is ACTS[act].own


@pytest.mark.parametrize(
    ("act", "owner", "agent", "reader"),
    [
        ("conversation.read", True, True, True),
        ("conversation.say", True, True, False),
        ("product.change", True, False, False),
        ("people.change", True, False, False),
        ("tenant.add", False, False, False),
        ("installation.read", False, False, False),
    ],
)
def test_a_tenants_people(act: str, owner: bool, agent: bool, reader: bool) -> None:
    assert may(signed(acme="owner"), act, 1) is owner
    assert may(signed(acme="agent"), act, 1) is agent
    assert may(signed(acme="reader"), act, 1) is reader


@pytest.mark.parametrize(
    ("act", "owner", "operator", "reader"),
    [
        ("conversation.read", True, True, True),
        ("product.change", True, True, False),
        ("key.change", True, False, False),
        ("login.change", True, False, False),
        ("installation.read", True, True, True),
        ("tenant.add", True, True, False),
    ],
)
def test_operators_at_every_tenant(act: str, owner: bool, operator: bool, reader: bool) -> None:
    for tenant in (1, None):
        assert may(signed("owner"), act, tenant) is owner
        assert may(signed("operator"), act, tenant) is operator
        assert may(signed("reader"), act, tenant) is reader


def test_an_operator_may_at_a_tenant_what_one_of_their_roles_says() -> None:
    both = signed("reader", acme="owner")
    assert may(both, "product.change", 1)
    assert not may(both, "product.change", 2)


def test_an_act_that_nobody_named_is_no_act() -> None:
    with pytest.raises(KeyError):
        may(signed("owner"), "conversation.burn", 1)
