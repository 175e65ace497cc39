"""This browser: whether it shows its login that somebody waits, though no page is open."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ValidationError
from starlette.responses import JSONResponse, Response

from conserje.notices import devices, push_keys
from conserje.notices.devices import NoDevice
from conserje.notices.web_push import Address
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import Place, See, deed
from conserje_edge.console.refusal import Refusal


def _read(text: object) -> bytes:
    """As browsers write keys. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError from None


Key = Annotated[bytes, BeforeValidator(_read)]


class Keys(BaseModel):
    """A browser's."""

    p256dh: Key
    auth: Key


class Subscription(BaseModel):
    """What a browser has made of itself, as it hands it on."""

    endpoint: str
    keys: Keys


def is_offered(asked: Asked) -> bool:
    """Whether there is something that they may be told."""
    answers = any(each.role != "reader" for each in asked.person.memberships)
    return answers and asked.context.settings.pushes


@deed("me.change")
async def ask(asked: Asked) -> Response:
    """By which key the browser is to be asked."""
    _require(asked)
    async with asked.context.pool.acquire() as connection:
        return JSONResponse({"key": await push_keys.public(connection, asked.context.vault)})


@deed("me.change", transaction="core")
async def keep(asked: Asked) -> Response:
    """Tell it, until the sign-in ends."""
    _require(asked)
    try:
        given = Subscription.model_validate_json(asked.given("subscription"))
        address = Address(given.endpoint, given.keys.p256dh, given.keys.auth)
        await devices.keep(asked.connection, asked.person.login_id, asked.person.sign_in, address)
    except (ValidationError, NoDevice):
        raise Refusal(HTTPStatus.BAD_REQUEST) from None
    asked.of, asked.after = "device", {"told": True}
    return Response(status_code=HTTPStatus.NO_CONTENT)


@deed("me.change", transaction="core")
async def end(asked: Asked) -> See:
    """Tell it nothing more."""
    await devices.remove(asked.connection, asked.person.sign_in)
    asked.of, asked.after = "device", {"told": False}
    return See("/me")


def _require(asked: Asked) -> None:
    """Raises Refusal."""
    if not is_offered(asked):
        raise Refusal(HTTPStatus.NOT_FOUND)


PLACES = (
    Place("/me/device/key", post=ask),
    Place("/me/device", post=keep),
    Place("/me/device/end", post=end),
)
