"""Posts one notification to a subscription: signed, to an address that is looked up once, no redirects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from ipaddress import ip_network
from ssl import SSLContext
from typing import Any

from conserje.contract.channel import FetchFailed, FetchRefused
from conserje.net.fetch import Fetched, Fetcher
from conserje.notices import hosts, reader, subscriptions
from conserje.notices.hosts import Host, SubscriptionError
from conserje.notices.signing import signatures, token
from conserje.notices.subscriptions import Secrets, Subscription
from conserje.settings import Settings
from conserje.storage.database import Connection, Pool
from conserje.storage.text import clean
from conserje.tenants.keyring import VaultError
from conserje.tenants.vault import Vault

LIMIT = 15.0  # seconds that a receiver may take to answer
KEPT = 1024  # bytes of its answer
LONGEST_WAIT = timedelta(hours=1)  # that a receiver may ask for
GONE, BUSY = 410, frozenset({429, 502, 503, 504})
ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))

# n8n can drop what calls itself as programs do ("Ignore Bots"), unless it begins as browsers begin.
USER_AGENT = f"Mozilla/5.0 (compatible; Conserje/{version('conserje')})"

# What is most often the matter where a receiver answers so.
_ADVICE = {
    301: "name the address that it leads to", 302: "name the address that it leads to",
    307: "name the address that it leads to", 308: "name the address that it leads to",
    401: "give it the token's secret, HS256", 404: "in n8n the workflow must be active",
    403: "give it the token's secret, HS256, and let n8n ignore no bots",
    405: "let it take POST", GONE: "it wants no more",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; without a cause it has taken what was posted."""

    status: int | None = None
    said: str | None = None  # nothing of hosts that are not public
    cause: str | None = None
    wait: timedelta | None = None  # how long it asked to be left alone
    final: bool = False  # nor will it take it later


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where and by which secrets is posted; `private`: also to hosts that are not of the public internet."""

    id: int
    url: str
    secrets: Secrets
    issuer: str
    private: bool
    trust: SSLContext | None = None  # None: the certificates that this machine trusts

    async def post(self, name: str, told: Mapping[str, Any]) -> Answer:
        """One try. What is told has the same name at each."""
        body = json.dumps(told, ensure_ascii=False).encode()
        fetcher = Fetcher(ANYWHERE if self.private else (), trust=self.trust)
        most = 0 if self.private else KEPT
        try:
            host = Host.of(self.url)
            headers = self._headers(host, name, body)
            async with fetcher.fetch(
                self.url, most=most, limit=LIMIT, method="POST", headers=headers, content=body, cut=True
            ) as answer:
                said = None if self.private else clean((await answer.read()).decode(errors="replace"))
                return _judged(answer, said)
        except FetchRefused as error:
            return Answer(
                cause=str(error).replace("CONSERJE_FETCH_ALLOW", "`conserje subscription host add`")
            )
        except FetchFailed as error:
            return Answer(cause=str(error))

    def _headers(self, host: Host, name: str, body: bytes) -> dict[str, str]:
        at = int(datetime.now(UTC).timestamp())
        bearer = token(self.secrets.token, self.issuer, host.host, str(self.id), name, at)
        return {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": name,
            "webhook-timestamp": str(at),
            "webhook-signature": signatures(self.secrets.signing, name, at, body),
            "authorization": f"Bearer {bearer}",
        }


def _judged(answer: Fetched, said: str | None) -> Answer:
    status = answer.status
    if 200 <= status < 300:
        return Answer(status, said)
    advice = f": {_ADVICE[status]}" if status in _ADVICE else ""
    wait = _asked_for(answer) if status in BUSY else None
    return Answer(status, said, f"The receiver answered {status}{advice}.", wait, final=status == GONE)


def _asked_for(answer: Fetched) -> timedelta | None:
    seconds = answer.headers.get("retry-after", "")
    if not (seconds.isascii() and seconds.isdecimal()):
        return None
    return min(timedelta(seconds=int(seconds[:9])), LONGEST_WAIT)


async def receiver_of(
    connection: Connection,
    vault: Vault,
    settings: Settings,
    subscription: Subscription,
    trust: SSLContext | None = None,
) -> Receiver | str:
    """Where it is told; or why it cannot be."""
    try:
        secrets = await subscriptions.secrets(connection, vault, subscription)
        host = Host.of(subscription.url)
    except (VaultError, SubscriptionError) as error:
        return str(error)
    private = await hosts.is_allowed(connection, subscription.tenant_id, host)
    if host.scheme == "http" and not private:
        return f"The operator does not allow {host} any more: `conserje subscription host add` does."
    return Receiver(subscription.id, subscription.url, secrets, settings.domains[0], private, trust)


async def test(pool: Pool, vault: Vault, settings: Settings, subscription: Subscription) -> Answer:
    """Post a notification that says nothing; what the receiver makes of it. Raises SubscriptionError."""
    async with pool.acquire() as connection:
        await subscriptions.may_test(connection, subscription.tenant_id, subscription.id)
        receiver = await receiver_of(connection, vault, settings, subscription)
    if isinstance(receiver, str):
        return Answer(cause=receiver)
    at = datetime.now(UTC)
    data = {"tenant": subscription.slug, "subscription": subscription.id}
    told = {"type": "test", "timestamp": reader.written(at), "data": data}
    return await receiver.post(f"test-{subscription.id}-{at:%Y%m%d%H%M%S}", told)
