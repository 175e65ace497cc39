"""What Telegram posts, as far as it is read here; there is much more of it, and there will be more."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Id = Annotated[int, Field(ge=-(2**53), le=2**53)]
Seconds = Annotated[int, Field(ge=0, le=2**33)]


class User(BaseModel):
    id: Id
    first_name: str = ""
    last_name: str = ""

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Chat(BaseModel):
    id: Id
    type: str

    @property
    def is_private(self) -> bool:
        return self.type == "private"


class Attached(BaseModel):
    """A file of any kind, a sticker too."""

    file_id: str
    mime_type: str = ""
    file_name: str = ""
    is_animated: bool = False
    is_video: bool = False


class Place(BaseModel):
    latitude: FiniteFloat
    longitude: FiniteFloat


class Venue(BaseModel):
    location: Place
    title: str = ""
    address: str = ""


class Person(BaseModel):
    phone_number: str
    first_name: str = ""
    last_name: str = ""


class Key(BaseModel):
    text: str = ""
    callback_data: str = ""


class Keyboard(BaseModel):
    inline_keyboard: list[list[Key]] = []


class Mentioned(BaseModel):
    """A message that another thing is about: answered, or with the button that was pressed."""

    message_id: Id
    chat: Chat
    reply_markup: Keyboard = Keyboard()

    @property
    def named(self) -> str:
        """An id is unique within its chat only."""
        return f"{self.chat.id}:{self.message_id}"


class Message(Mentioned):
    """What else stands in it says its kind where it is none of these."""

    model_config = ConfigDict(extra="allow")

    sender: User | None = Field(default=None, alias="from")
    date: Seconds
    text: str = ""
    caption: str = ""
    photo: list[Attached] = []
    voice: Attached | None = None
    audio: Attached | None = None
    video: Attached | None = None
    video_note: Attached | None = None
    animation: Attached | None = None
    document: Attached | None = None
    sticker: Attached | None = None
    location: Place | None = None
    venue: Venue | None = None
    contact: Person | None = None
    reply_to_message: Mentioned | None = None


class Press(BaseModel):
    id: str
    sender: User = Field(alias="from")
    message: Mentioned | None = None
    data: str = ""


class Sign(BaseModel):
    type: str
    emoji: str = ""


class Reacted(BaseModel):
    chat: Chat
    message_id: Id
    user: User | None = None
    date: Seconds
    new_reaction: list[Sign] = []


class Status(BaseModel):
    status: str


class Membership(BaseModel):
    chat: Chat
    sender: User = Field(alias="from")
    date: Seconds
    new_chat_member: Status


class Update(BaseModel):
    """One thing that happened; of the fields behind the id one is there, or one that is not known here."""

    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: Press | None = None
    message_reaction: Reacted | None = None
    my_chat_member: Membership | None = None

    @property
    def chat(self) -> Chat | None:
        """Where it happened, if that is known."""
        place = self.message or self.edited_message or self.message_reaction or self.my_chat_member
        return place.chat if place else None


KINDS = tuple(name for name in Update.model_fields if name != "update_id")
