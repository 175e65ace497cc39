"""Sending: what the business says of its own accord, to a phone, a contact or in a conversation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from conserje.contract.message import (
    Button,
    Buttons,
    Content,
    File,
    List,
    Media,
    Row,
    Template,
    TemplateButton,
    Text,
)
from conserje.conversations.sending import State
from conserje.delivery import sends
from conserje.delivery.addressees import SendUnfit, Whom
from conserje.delivery.sends import SendRefused, Wanted
from conserje_edge.api.asked import Asked
from conserje_edge.api.models import Given, Id, Shown
from conserje_edge.api.operation import operation
from conserje_edge.api.problem import problem
from conserje_edge.wire.answers import Problem

OPERATOR = "operator"  # in whose name who has no key speaks
MOST = 100  # buttons, rows, values of a template
CODES = (
    "opted-out", "forgotten", "window-closed", "template-needed", "suspended",
    "no-account", "several-accounts", "no-phone", "no-templates", "empty", "too-long", "file-not-taken",
    "unknown-quote", "no-window", "refused",
)  # fmt: skip

Word = Annotated[str, Field(max_length=1000)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


class TextGiven(Given):
    """Words."""

    type: Literal["text"]
    text: str

    def content(self) -> Content:
        return Text(self.text)


class ButtonGiven(Given):
    """One thing to choose: what is shown, and the id that comes back."""

    id: Name
    title: Name


class ButtonsGiven(Given):
    """Words with things to choose below them."""

    type: Literal["buttons"]
    text: str
    buttons: Annotated[list[ButtonGiven], Field(min_length=1, max_length=MOST)]

    def content(self) -> Content:
        return Buttons(self.text, tuple(Button(each.id, each.title) for each in self.buttons))


class RowGiven(Given):
    """One thing of a list, with a line about it."""

    id: Name
    title: Name
    description: Word = ""


class ListGiven(Given):
    """Words with more things to choose below them than buttons can hold."""

    type: Literal["list"]
    text: str
    rows: Annotated[list[RowGiven], Field(min_length=1, max_length=MOST)]

    def content(self) -> Content:
        return List(self.text, tuple(Row(each.id, each.title, each.description) for each in self.rows))


class FileGiven(Given):
    """A file at an address, which the provider fetches itself."""

    url: Annotated[str, Field(pattern=r"^https://[^\s\x00-\x1f\x7f]{1,1900}$")]
    content_type: Annotated[str, Field(max_length=200, description="None: what its ending says.")] = ""
    name: Annotated[str, Field(max_length=240)] = ""

    def file(self) -> File:
        return File(self.url, self.content_type, self.name)


class MediaGiven(Given):
    """A picture, a sound, a film or a document, with the words under it."""

    type: Literal["media"]
    file: FileGiven
    caption: str = ""

    def content(self) -> Content:
        return Media((self.file.file(),), self.caption)


class TemplateButtonGiven(Given):
    """What is filled into a template's button, which is counted from 0."""

    index: Annotated[int, Field(ge=0, le=9)]
    value: Name
    kind: Literal["link", "reply", "code"] = "link"


class TemplateGiven(Given):
    """A message that the provider has approved beforehand, with what is filled into its places."""

    type: Literal["template"]
    name: Name
    language: Annotated[str, Field(max_length=20)] = ""
    values: Annotated[tuple[Word, ...], Field(max_length=MOST)] = ()
    names: Annotated[
        tuple[Word, ...], Field(max_length=MOST, description="Of its places, if they have any.")
    ] = ()
    header: Annotated[Word | FileGiven | None, Field(description="The file above, or its words.")] = None
    buttons: Annotated[tuple[TemplateButtonGiven, ...], Field(max_length=10)] = ()
    text: Annotated[
        str, Field(description="What it says then: for the record, and for channels without templates.")
    ] = ""

    def content(self) -> Content:
        return Template(
            self.name,
            self.language,
            self.values,
            self.text,
            self.names,
            self.header.file() if isinstance(self.header, FileGiven) else self.header,
            tuple(TemplateButton(each.index, each.value, each.kind) for each in self.buttons),
        )


ContentGiven = Annotated[
    TextGiven | ButtonsGiven | ListGiven | MediaGiven | TemplateGiven, Field(discriminator="type")
]


class AccountNamed(Given):
    """An account, or all of a channel's."""

    channel: Annotated[str, Field(max_length=40, examples=["meta"])]
    address: Annotated[str, Field(max_length=200)] = ""


class NewMessage(Given):
    """What is to be said, to exactly one of `phone`, `contact` and `conversation`."""

    phone: Annotated[str | None, Field(max_length=40, examples=["+56912345678"])] = None
    contact: Id | None = None
    conversation: Id | None = None
    account: Annotated[AccountNamed | None, Field(description="Which one writes, of several.")] = None
    content: ContentGiven
    quotes: Annotated[Id | None, Field(description="A message of the same conversation.")] = None
    take: Annotated[bool, Field(description="Let the assistant be silent from then on.")] = False

    @model_validator(mode="after")
    def _to_one(self) -> Self:
        if sum(each is not None for each in (self.phone, self.contact, self.conversation)) != 1:
            raise ValueError("Give exactly one of phone, contact and conversation")
        return self


class MessageTaken(Shown):
    """A message that waits for its account's pace."""

    id: int
    state: State
    conversation: int
    contact: int


@operation(scope="send", status=HTTPStatus.ACCEPTED, transaction="tenant", errors=CODES)
async def send_message(asked: Asked, body: NewMessage) -> MessageTaken:
    """Say something as the business.

    Consent and the provider's window are judged at once, and what may leave does at its account's pace; an
    answer never waits for it. Nobody takes the conversation over, unless `take` says so. It is one message:
    on a channel where it would be several it is refused.
    """
    account = body.account or AccountNamed(channel="")
    whom = Whom(body.phone, body.contact, body.conversation, account.channel, account.address)
    by = asked.caller.key.id if asked.caller.key else OPERATOR
    wanted = Wanted(body.content.content(), whom, by, body.quotes, body.take)
    assert asked.entry is not None  # the path has {slug}
    try:
        sent = await sends.send(asked.transaction, asked.entry, asked.context.plugins, wanted)
    except (SendRefused, SendUnfit) as error:
        raise refusal(error) from None
    asked.headers["location"] = f"/api/v1/tenants/{asked.tenant.slug}/messages/{sent.id}"
    return MessageTaken(id=sent.id, state=sent.state, conversation=sent.conversation, contact=sent.contact)


def refusal(error: SendRefused | SendUnfit) -> Problem:
    """With the template that would do, or the accounts to choose from."""
    told = problem(error.code, str(error))
    more: dict[str, object] = {}
    if isinstance(error, SendRefused) and error.template:
        more["template"] = error.template
    if isinstance(error, SendUnfit) and error.accounts:
        more["accounts"] = [{"channel": each.channel, "address": each.address} for each in error.accounts]
    return Problem(told.status, told={**told.told, **more})
