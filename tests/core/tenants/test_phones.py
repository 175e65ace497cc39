"""Senders: a phone writes to one tenant, however it is written."""

from __future__ import annotations

import pytest

from conserje.storage.database import Connection
from conserje.tenants import phones, tenants
from conserje.tenants.refusals import TenantError


@pytest.mark.parametrize(
    "written",
    [
        "+56912345678",
        "56912345678",
        " +56 9 1234-5678 ",
        "whatsapp:+56912345678",
        "WhatsApp: 56 (9) 1234.5678",
        "+56\u00a09\u00a01234\u00a05678",
    ],
)
def test_a_phone_is_known_however_it_is_written(written: str) -> None:
    assert phones.normalised(written) == "+56912345678"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "ana",
        "@anabot",
        "+5690000123",
        "+1555123",
        "12345",
        "+0912345678",
        "+1234567890123456",
        "+569\0",
        "+٥٦٩١٢٣",
    ],
)
def test_what_is_no_phone_is_said_so(written: str) -> None:
    with pytest.raises(TenantError, match="is no phone: write it like"):
        phones.normalised(written)


async def test_a_phone_writes_to_one_tenant(connection: Connection) -> None:
    acme = await tenants.add(connection, "acme", "Acme")
    bravo = await tenants.add(connection, "bravo", "Bravo")
    await phones.add(connection, acme.id, "+56912345678")
    assert await phones.slug_of(connection, "+56912345678") == "acme"
    assert await phones.slug_of(connection, "+56987654321") is None
    for tenant in (acme, bravo):
        with pytest.raises(TenantError, match="writes to acme already"):
            await phones.add(connection, tenant.id, "+56912345678")
    with pytest.raises(TenantError, match="has no phone"):
        await phones.remove(connection, bravo.id, "+56912345678")
    await phones.remove(connection, acme.id, "+56912345678")
    await phones.add(connection, bravo.id, "+56912345678")
    assert await phones.list_all(connection, bravo.id) == ["+56912345678"]


async def test_a_removed_tenants_phones_are_free(connection: Connection) -> None:
    acme = await tenants.add(connection, "acme", "Acme")
    await phones.add(connection, acme.id, "+56912345678")
    await tenants.remove(connection, "acme")
    assert await phones.slug_of(connection, "+56912345678") is None


async def test_the_table_takes_normalised_phones_only(connection: Connection) -> None:
    acme = await tenants.add(connection, "acme", "Acme")
    with pytest.raises(TenantError, match=r"A phone is a \+ and 6 to 15 digits"):
        await phones.add(connection, acme.id, "56912345678")
