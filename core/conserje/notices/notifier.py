"""Tells tenants, by webhook and e-mail: of who waits, of leads, of ill accounts, of spent bounds."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from conserje.contract.channel import FetchFailed, FetchRefused
from conserje.contract.language import in_language
from conserje.contract.plain import plain
from conserje.conversations.rows import restored
from conserje.errors import OperatorError
from conserje.leads import table as leads
from conserje.net.fetch import Network, fetch, resolve
from conserje.net.mail import UNSET, MailFailed, MailServer
from conserje.notices import table as notices
from conserje.notices.ailment import FallenIll
from conserje.notices.errand import GivenLead
from conserje.notices.signing import signature
from conserje.notices.spent import Spent
from conserje.notices.table import Name, Notice
from conserje.settings import Settings
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.tenants import data_keys, words
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry
from conserje.tenants.keyring import VaultError
from conserje.tenants.tenants import Tenant
from conserje.tenants.vault import Vault

log = logging.getLogger(__name__)

LIMIT = 15.0  # seconds that a tenant's server may take to answer
PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3600, 6 * 3600))
GONE = 410  # what a server answers that wants no notices any more
LONGEST = 500  # characters of each message that the tenant reads


class NotTold(OperatorError):
    """A tenant could not be told; `final`: nor can it later."""

    def __init__(self, cause: str, *, final: bool = False) -> None:
        super().__init__(cause)
        self.final = final


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What a tenant is told: who waits in which conversation, and what they wrote last."""

    tenant: Tenant
    conversation: int
    at: datetime
    name: str
    address: str
    channel: str
    account: str
    words: tuple[str, ...]
    reason: str = ""  # what the assistant took it for: "reclamo"
    others: tuple[Name, ...] = ()  # who waits, too, some of them
    more: int = 0  # how many wait, too

    @property
    def command(self) -> str:
        return _command(self.tenant, self.conversation)

    @property
    def body(self) -> bytes:
        """As Standard Webhooks wants it, the same at every try."""
        told = {
            "type": "conversation.handed_over",
            "timestamp": self.at.astimezone(UTC).isoformat(),
            "data": {
                "tenant": self.tenant.slug,
                "conversation": self.conversation,
                "contact": {"name": self.name, "address": self.address},
                "channel": self.channel,
                "account": self.account,
                "messages": self.words,
                "reason": self.reason,
                "command": self.command,
            },
        }
        return json.dumps(told, ensure_ascii=False).encode()

    def mail(self) -> tuple[str, str]:
        """Subject and text, in the tenant's language."""
        subject, text = in_language(words.WAITING_MAIL, self.tenant.locale)
        said = "\n".join(f"> {line}" for words in self.words for line in words.splitlines())
        values = {
            "who": self.name or self.address,
            "address": self.address,
            "tenant": self.tenant.name,
            "channel": self.channel,
            "account": self.account,
            "said": said,
            "reason": in_language(words.REASON, self.tenant.locale).format(reason=self.reason)
            if self.reason
            else "",
            "command": self.command,
        }
        subject, text = subject.format(**values), text.format(**values)
        if not self.more:
            return subject, text
        listed = (
            f"- {each.name or each.contact_address}: {_command(self.tenant, each.conversation_id)}"
            for each in self.others
        )
        also = in_language(words.WAITING_TOO, self.tenant.locale)
        more = {"more": str(self.more), "listed": "\n".join(listed), "slug": self.tenant.slug}
        return subject + also.subject.format(**more), text + also.text.format(**more)


def _command(tenant: Tenant, conversation_id: int) -> str:
    return f'conserje message send {tenant.slug} {conversation_id} "..."'


async def secret(connection: Connection, vault: Vault, tenant_id: int) -> str:
    """What a tenant's server checks notices with, in the form of Standard Webhooks.

    Raises TenantError or VaultError.
    """
    key = await data_keys.signing_key(connection, vault, tenant_id)
    return "whsec_" + base64.b64encode(vault.sign(key, "notices", (str(tenant_id),))).decode()


async def refuse_open_http(url: str, allowed: Sequence[Network]) -> None:
    """Raises NotTold for an address without TLS outside the operator's own networks."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return
    try:
        found = await resolve(parts.hostname or "", parts.port or 80)
    except (OSError, ValueError):
        raise NotTold(f"The host {parts.hostname} cannot be found.") from None
    if not all(any(ip_address(each) in network for network in allowed) for each in found):
        raise NotTold(
            "A notice leaves by https:// only, but for hosts in networks of CONSERJE_FETCH_ALLOW.",
            final=True,
        )


@dataclass(frozen=True)
class Notifier:
    """Tells tenants, in this worker."""

    pool: Pool
    directory: Directory
    vault: Vault
    settings: Settings

    async def notify(self, job: Job) -> None:
        """Send the notices of a conversation that are due; those that are not come again.

        What is to be mailed to the tenant of other conversations leaves with it.
        """
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return  # once it is again, they are due for long
        while notice := await notices.claim(self.pool, job):
            await self._tell(entry, [notice])
        told = await notices.collect(self.pool, job, entry.tenant.notice_email or "")
        for one in [each for each in told if each.illness]:
            await self._tell(entry, [one])
        if waiting := [each for each in told if not each.illness]:
            await self._tell(entry, waiting)
        await notices.come_back(self.pool, job)

    async def _tell(self, entry: Entry, told: Sequence[Notice]) -> None:
        """Send these as one, by the first one's way and in its name."""
        notice, tries = told[0], min(each.tries for each in told)
        try:
            await self._send(entry, told)
        except NotTold as error:
            again = None if error.final or tries > len(PAUSES) else PAUSES[tries - 1]
            log.log(
                logging.WARNING if again else logging.ERROR,
                "%s is not told by %s of conversation %s, %s: %s",
                entry.tenant.slug,
                notice.kind,
                notice.conversation_id,
                f"tried again in {again}" if again else "given up",
                error,
            )
            await notices.failed(self.pool, entry.tenant, told, str(error), again)
        else:
            await notices.sent(self.pool, entry.tenant.id, told)

    async def _send(self, entry: Entry, told: Sequence[Notice]) -> None:
        """Raises NotTold."""
        tenant, notice = entry.tenant, told[0]
        what = await self._told_of(entry, told)
        match notice.kind:
            case "webhook" if tenant.notice_url:
                await self._post(tenant, tenant.notice_url, f"notice-{notice.id}", what.body)
            case "email" if to := notice.mailed_to or tenant.notice_email:
                await self._mail(to, f"notice-{notice.id}", *what.mail())
            case _:
                raise NotTold("The tenant wants no such notices any more.", final=True)

    async def _told_of(
        self, entry: Entry, told: Sequence[Notice]
    ) -> FallenIll | GivenLead | HandedOver | Spent:
        """Raises NotTold."""
        notice = told[0]
        if notice.bound:
            return Spent.of(entry.tenant, notice.created_at, notice.bound)
        if notice.illness:
            return await self._fallen_ill(entry, notice)
        return await (self._lead(entry, notice) if notice.lead_id else self._handed_over(entry, told))

    async def _lead(self, entry: Entry, notice: Notice) -> GivenLead:
        """Raises NotTold for one that is gone, or for mail where there is none."""
        if notice.kind == "email" and self.settings.smtp_url is None:
            raise NotTold(UNSET, final=True)
        about = await notices.waiting(self.pool, entry.tenant.id, notice)
        async with acting_for(self.pool, entry.tenant.id) as scope:
            lead = await leads.find(scope.connection, entry.tenant.id, notice.lead_id or 0)
        if lead is None:
            raise NotTold("The lead is gone.", final=True)
        account = entry.account(about.account_id)
        where = (account.channel, account.address) if account else ("", "")
        return GivenLead(entry.tenant, notice.created_at, *where, lead)

    async def _fallen_ill(self, entry: Entry, notice: Notice) -> FallenIll:
        about = await notices.waiting(self.pool, entry.tenant.id, notice)
        account = entry.account(about.account_id)
        where = (account.channel, account.address) if account else ("", "")
        return FallenIll(entry.tenant, notice.created_at, *where, notice.illness or "")

    async def _handed_over(self, entry: Entry, told: Sequence[Notice]) -> HandedOver:
        notice, tenant_id = told[0], entry.tenant.id
        waiting = await notices.waiting(self.pool, tenant_id, notice)
        account = entry.account(waiting.account_id)
        too = {each.conversation_id: None for each in told if each.conversation_id != notice.conversation_id}
        others = await notices.names(self.pool, tenant_id, list(too)[: notices.NAMED]) if too else []
        return HandedOver(
            tenant=entry.tenant,
            conversation=notice.conversation_id,
            at=notice.created_at,
            name=waiting.name,
            address=waiting.contact_address,
            channel=account.channel if account else "",
            account=account.address if account else "",
            words=tuple(plain(restored(each))[:LONGEST] for each in waiting.words),
            reason=waiting.reason,
            others=tuple(others),
            more=len(too),
        )

    async def _post(self, tenant: Tenant, url: str, notice_id: str, body: bytes) -> None:
        """Raises NotTold."""
        await refuse_open_http(url, self.settings.fetch_allow)
        try:
            async with self.pool.acquire() as connection:
                key = await secret(connection, self.vault, tenant.id)
        except VaultError as error:
            raise NotTold(str(error)) from None
        at = int(datetime.now(UTC).timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": "Conserje",
            "webhook-id": notice_id,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(key, notice_id, at, body),
        }
        try:
            async with fetch(
                url, most=0, limit=LIMIT, method="POST", headers=headers, content=body
            ) as answer:
                status = answer.status
        except FetchRefused as error:
            raise NotTold(str(error), final=True) from None
        except FetchFailed as error:
            raise NotTold(str(error)) from None
        if not 200 <= status < 300:
            raise NotTold(f"The tenant's server answered {status}.", final=status == GONE)

    async def _mail(self, to: str, notice_id: str, subject: str, text: str) -> None:
        """Raises NotTold."""
        try:
            server = MailServer.of(self.settings)
            domain = server.sender.rpartition("@")[2].strip("> ")
            await server.send(to, subject, text, f"<{notice_id}@{domain}>")
        except MailFailed as error:
            raise NotTold(str(error)) from None
