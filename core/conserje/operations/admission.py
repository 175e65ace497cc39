"""Admission: an account is tried at its provider before it is kept, and posts to us once it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from conserje.contract.account import Finding
from conserje.contract.channel import CannotTell, Channel, offers
from conserje.installation import Opened
from conserje.operations import checkup, destination, enrolment
from conserje.operations.destination import NotConfigured, PostsElsewhere
from conserje.plugins.guard import AnyPlugin
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Tenant


class NotAdmitted(TenantError):
    """The provider refuses the account, or could not be asked (`is_refused` is False): it was not kept.

    `sealed` are the credentials that were given, for who would keep it all the same.
    """

    def __init__(self, findings: Sequence[Finding], sealed: str | None) -> None:
        super().__init__(findings[0].text, "credentials")
        self.findings = findings
        self.sealed = sealed

    @property
    def is_refused(self) -> bool:
        return any(each.level == "error" for each in self.findings)


async def admit(
    opened: Opened,
    tenant: Tenant,
    plugin: AnyPlugin,
    address: str,
    *,
    settings: Mapping[str, Any],
    credentials: bytes | None,
) -> None:
    """Ask the provider of an account that may be kept; where it posts is no reason against it.

    Raises NotAdmitted, BeingChecked, or as `enrolment.looked_at`.
    """
    with checkup.alone(tenant.id):
        async with opened.pool.acquire() as connection, connection.transaction():
            candidate = await enrolment.candidate(
                opened, connection, tenant, plugin, address, settings=settings, credentials=credentials
            )
        sealed = candidate.accounts[0].credentials
        try:
            findings = await checkup.tried(opened, candidate, plugin)
        except CannotTell as error:
            raise NotAdmitted([Finding("warning", str(error))], sealed) from None
    if refused := [each for each in findings if each.level == "error" and each.posts_to is None]:
        raise NotAdmitted(refused, sealed)


async def settle(opened: Opened, tenant: Tenant, plugin: AnyPlugin, address: str) -> TenantError | None:
    """Look at an account that is kept, and let its provider post to us where it posts nowhere; why it does
    not then, None where it does, or where people have to see to it.

    Raises BeingChecked or TenantError.
    """
    with checkup.alone(tenant.id):
        try:
            async with asyncio.timeout(checkup.LIMIT):
                if isinstance(plugin, Channel) and offers(plugin, "configure"):
                    await destination.take(opened, tenant.slug, plugin, address)
                else:
                    await checkup.examine(opened, tenant.slug, plugin, address)
        except TimeoutError:
            return NotConfigured("The provider takes too long to answer: check the account again.")
        except (PostsElsewhere, NotConfigured) as error:
            return error
    return None
