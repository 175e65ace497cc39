"""A channel as a third party writes it, and without a mistake; those beside it are put in by a test."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from conserje import (
    Account,
    AccountFault,
    Answer,
    Button,
    Buttons,
    CannotTell,
    Channel,
    ContactCard,
    Content,
    Event,
    File,
    Finding,
    Forged,
    InboundMessage,
    Limits,
    List,
    Location,
    Malformed,
    Media,
    NotOffered,
    OutboundMessage,
    Page,
    Pressed,
    Reaction,
    Receipt,
    Refused,
    Row,
    Status,
    StatusUpdate,
    Template,
    Text,
    TryLater,
    Uncertain,
    Unreadable,
    Urls,
    Webhook,
)

log = logging.getLogger(__name__)

HEADER = "x-acme-signature"
_LATER = 5.0


class AcmeCredentials(BaseModel):
    """What Acme gives an account."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: SecretStr = Field(min_length=1)
    secret: SecretStr = Field(min_length=1)
    shop: str = ""


class AcmeSettings(BaseModel):
    """Nothing that a tenant would want otherwise."""

    model_config = ConfigDict(extra="forbid")


class AcmeOperator(BaseModel):
    """Where Acme is."""

    model_config = ConfigDict(extra="forbid")

    base_url: str = "https://api.acme.example"


AcmeAccount = Account[AcmeCredentials, AcmeSettings]


class Acme(Channel[AcmeCredentials, AcmeSettings, AcmeOperator]):
    """Posts of JSON, signed with HMAC; an account's address is its number."""

    name = "acme"
    Credentials = AcmeCredentials
    Settings = AcmeSettings
    Operator = AcmeOperator
    limits = Limits(
        text=2000,
        buttons=3,
        rows=10,
        carries=frozenset({"media", "location", "contact_card", "reaction", "template"}),
    )

    def __init__(self, operator: AcmeOperator, http: httpx2.AsyncClient) -> None:
        super().__init__(operator, http)
        self.kept: dict[Any, Any] = {}

    def claims(self, hook: Webhook) -> Sequence[str]:
        posted = hook.json
        to = posted.get("to") if isinstance(posted, dict) else None
        return [to] if isinstance(to, str) else []

    def verify(self, hook: Webhook, account: AcmeAccount) -> None:
        given = hook.headers.get(HEADER, "").encode("utf-8", "surrogatepass")
        expected = sign(hook.body, account).encode()
        if not hmac.compare_digest(given, expected):
            raise Forged("The signature fits no secret of the account.")

    def parse(self, hook: Webhook) -> Iterable[Event]:
        posted = hook.json
        if not isinstance(posted, dict) or not isinstance(posted.get("to"), str):
            raise Malformed("The post names no account.")
        items = posted.get("events")
        for item in items if isinstance(items, list) else []:
            yield read(posted["to"], item)

    def acknowledge(self, hook: Webhook) -> Answer:
        return Answer()

    async def send(self, message: OutboundMessage, account: AcmeAccount) -> Receipt:
        body = {
            "from": account.address,
            "to": message.to,
            "reference": message.id,
            "callback": message.status_url,
            **written(message.content),
        }
        answer = await self.ask("POST", "messages", account, json=body)
        if answer.status_code == 401:
            raise AccountFault("Acme does not accept the token: seal another one.", retry=False)
        if answer.status_code == 429:
            raise TryLater("Acme is busy.", seconds(answer.headers.get("retry-after", "")))
        if 400 <= answer.status_code < 500:
            raise Refused(f"Acme does not take the message ({answer.status_code}).")
        if answer.status_code not in (200, 201):
            raise Uncertain(f"Acme answered {answer.status_code}.")
        return Receipt(identified(answer))

    async def ask(self, method: str, path: str, account: AcmeAccount, **sent: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {account.credentials.token.get_secret_value()}"}
        try:
            return await self.http.request(
                method, f"{self.operator.base_url}/{path}", headers=headers, **sent
            )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise TryLater(f"Acme could not be reached ({type(error).__name__}).") from None
        except httpx2.RequestError as error:
            raise Uncertain(f"Acme's answer did not come ({type(error).__name__}).") from None

    async def look(self, path: str, account: AcmeAccount, **query: str) -> Any:
        try:
            answer = await self.ask("GET", path, account, params=query)
            document = answer.json()
        except (TryLater, Uncertain, ValueError) as error:
            raise CannotTell(f"Acme could not be asked ({type(error).__name__}).") from None
        if answer.status_code != 200 or not isinstance(document, dict):
            raise CannotTell(f"Acme answered {answer.status_code}.")
        return document

    async def find(self, message: OutboundMessage, account: AcmeAccount) -> Receipt | None:
        found = (await self.look("messages", account, reference=str(message.id))).get("messages")
        if not isinstance(found, list):
            raise CannotTell("Acme does not say which messages it has.")
        return next((Receipt(str(each["id"])) for each in found), None)

    async def fetch(self, account: AcmeAccount, cursor: str | None) -> Page:
        found = (await self.look("events", account, after=cursor or "")).get("events")
        if not isinstance(found, list):
            raise CannotTell("Acme does not say what came.")
        return Page(tuple(read(account.address, each) for each in found), cursor or "1")

    async def media(self, file: File, account: AcmeAccount) -> AsyncIterator[bytes]:
        headers = {"authorization": f"Bearer {account.credentials.token.get_secret_value()}"}
        async with self.http.stream(
            "GET", f"{self.operator.base_url}/files/{file.ref}", headers=headers
        ) as answer:
            if answer.status_code == 404:
                raise Refused("Acme no longer has the file.")
            if answer.status_code != 200:
                raise TryLater(f"Acme answered {answer.status_code} for the file.")
            async for part in answer.aiter_bytes():
                yield part

    async def attend(self, provider_id: str, account: AcmeAccount) -> None:
        await self.ask("POST", f"messages/{provider_id}/read", account)

    async def examine(self, account: AcmeAccount, urls: Urls) -> Sequence[Finding]:
        await self.look("account", account)
        return [Finding("ok", "Acme knows the account.")]

    def compose(self, account: AcmeAccount, url: str, sender: str, said: Any) -> Webhook:
        item: dict[str, Any] = {"type": "message", "id": secrets.token_hex(10)}
        item |= {"from": sender, "time": int(datetime.now(UTC).timestamp()), **spoken(said)}
        return posted(account, url, item)


def posted(account: AcmeAccount, url: str, item: dict[str, Any]) -> Webhook:
    body = json.dumps({"to": account.address, "events": [item]}).encode()
    headers = {"content-type": "application/json", HEADER: sign(body, account)}
    return Webhook("POST", "webhook", url, headers, body)


def spoken(said: Any) -> dict[str, Any]:
    """What a contact says, as Acme posts it."""
    match said:
        case str():
            return {"text": said}
        case Media(files=(file,), caption=caption):
            return {"file": {"id": "f-1", "kind": file.media_type, "name": file.name}, "text": caption}
        case Location(latitude=latitude, longitude=longitude, name=name):
            return {"place": {"lat": latitude, "lon": longitude, "name": name}}
        case ContactCard(name=name, phones=phones):
            return {"card": {"name": name, "phones": list(phones)}}
        case Reaction(to=to, emoji=emoji):
            return {"reaction": {"to": to, "emoji": emoji}}
        case Pressed(id=id, title=title):
            return {"pressed": {"id": id, "title": title}}
        case _:
            raise NotOffered("Nobody writes this by Acme.")


def sign(body: bytes, account: AcmeAccount) -> str:
    key = account.credentials.secret.get_secret_value().encode()
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def seconds(given: str) -> float:
    return min(float(given), 3600.0) if given.isdecimal() and int(given) else _LATER


def identified(answer: httpx2.Response) -> str:
    try:
        match answer.json():
            case {"id": str(id)} if id:
                return id
    except ValueError:
        pass
    raise Uncertain("Acme's answer names no message.")


def read(address: str, item: Any) -> Event:
    """One event; what makes no sense is kept as it came."""
    match item:
        case {"type": "message", "id": str(id), "from": str(sender)} if id and sender:
            if (content := contents(item)) is not None:
                return InboundMessage(
                    address, f"in:{id}", sender, content, provider_id=id, at=time(item.get("time"))
                )
        case {"type": "status", "message": str(id), "status": str(word)} if id:
            if word in get_args(Status):
                return status(address, item, id, word)
    raw = json.dumps(item)
    return Unreadable(address, hashlib.sha256(raw.encode()).hexdigest(), raw, "Acme says nothing clear.")


def status(address: str, item: dict[str, Any], id: str, word: Any) -> StatusUpdate:
    cause = text(item.get("error")) or "Acme gave no reason"
    return StatusUpdate(address, f"status:{id}:{word}", word, id, cause=cause if word == "failed" else "")


def contents(item: dict[str, Any]) -> Content | None:
    match item:
        case {"file": {"id": str(id), **file}} if id:
            return Media((File(id, text(file.get("kind")), text(file.get("name"))),), text(item.get("text")))
        case {"place": {"lat": float(latitude), "lon": float(longitude), **place}}:
            return Location(latitude, longitude, text(place.get("name")))
        case {"card": {"name": str(name), **card}}:
            phones = card.get("phones")
            return ContactCard(name, tuple(map(text, phones)) if isinstance(phones, list) else ())
        case {"reaction": {"to": str(to), "emoji": str(emoji)}}:
            return Reaction(to, emoji)
        case {"pressed": {"id": str(id), **pressed}} if id:
            return Pressed(id, text(pressed.get("title")) or id)
        case {"text": str(words)}:
            return Text(words)
    return None


def text(given: object) -> str:
    return given if isinstance(given, str) else ""


def time(given: object) -> datetime | None:
    fits = isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**32
    return datetime.fromtimestamp(given, UTC) if fits and isinstance(given, int) else None


def written(content: Content) -> dict[str, Any]:
    """A message as Acme takes it."""
    match content:
        case Text(text=words):
            return {"text": words}
        case Buttons(text=words, buttons=buttons):
            return {"text": words, "buttons": [button(each) for each in buttons]}
        case List(text=words, rows=rows):
            return {"text": words, "rows": [row(each) for each in rows]}
        case Media(files=files, caption=caption):
            return {"files": [{"url": each.ref, "kind": each.media_type} for each in files], "text": caption}
        case _:
            return thing(content)


def thing(content: Content) -> dict[str, Any]:
    match content:
        case Location(latitude=latitude, longitude=longitude, name=name):
            return {"place": {"lat": latitude, "lon": longitude, "name": name}}
        case ContactCard():
            cards = [{"name": c.name, "phones": c.phones, "emails": c.emails} for c in content.cards]
            return {"cards": cards}
        case Reaction(to=to, emoji=emoji):
            return {"reaction": {"to": to, "emoji": emoji}}
        case Template(name=name, language=language, values=values):
            return {"template": {"name": name, "language": language, "values": values}}
        case _:
            raise Refused(f"Acme carries no {content.type}.")


def button(given: Button) -> dict[str, str]:
    return {"id": given.id, "title": given.title}


def row(given: Row) -> dict[str, str]:
    return {"id": given.id, "title": given.title, "about": given.description}
