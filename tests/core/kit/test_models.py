"""Models of a plugin, and what is read of strangers' JSON."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from conserje import Malformed, Webhook
from conserje.kit import Closed, Secret, matching, read, unreadable


class Credentials(Closed):
    token: SecretStr


class Formed(Closed):
    secret: Secret
    token: Annotated[SecretStr, matching(r"[0-9]{3}:[a-z]+", "123:abc")] | None = None


class Posted(BaseModel):
    id: int
    sender: dict[str, str] = {}


def test_a_closed_model_refuses_what_it_does_not_know_and_quotes_nothing() -> None:
    for given in ({"token": "CLAVE", "tokne": "OTRA"}, {"token": 1, "tokne": "OTRA"}):
        with pytest.raises(ValidationError) as raised:
            Credentials.model_validate(given)
        assert "tokne" in str(raised.value)
        assert "CLAVE" not in str(raised.value) and "OTRA" not in str(raised.value)


def test_a_closed_model_stays_as_it_is() -> None:
    held = Credentials(token=SecretStr("CLAVE"))
    with pytest.raises(ValidationError):
        held.token = SecretStr("OTRA")
    assert "CLAVE" not in repr(held)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"id": "x7"}', "id"),
        (b'{"id": 7, "sender": {"a": 1}}', "sender.a"),
        (b"[]", "The body"),
        (b"{", "The body"),
        (b"null", "The body"),
    ],
)
def test_what_is_wrong_in_a_request_is_named_and_not_quoted(body: bytes, place: str) -> None:
    with pytest.raises(Malformed) as raised:
        read(Posted, Webhook("POST", "webhook", "https://t.example/", {}, body).json)
    assert str(raised.value).startswith(place) and str(raised.value).endswith(".")
    assert "x7" not in str(raised.value)


def test_what_is_right_is_read_whatever_else_there_is() -> None:
    assert read(Posted, {"id": 7, "new": []}) == Posted(id=7)


def test_an_unreadable_item_is_kept_once_as_it_came() -> None:
    first, again = (unreadable("bot", {"a": "ñ\udc80"}, "It has no id.") for _ in range(2))
    assert first == again and first.raw == '{"a": "ñ\udc80"}' and first.cause == "It has no id."
    assert first.key != unreadable("bot", {"a": "n"}, "It has no id.").key


def test_what_is_nested_too_deep_is_kept_by_name() -> None:
    item: list[object] = []
    for _ in range(100_000):
        item = [item]
    assert unreadable("bot", item, "").raw == "{}"


def test_a_secret_is_not_empty() -> None:
    assert Formed(secret=SecretStr("CLAVE")).token is None
    with pytest.raises(ValidationError):
        Formed.model_validate({"secret": ""})


@pytest.mark.parametrize("token", ["", "CLAVE", "123:abc\n", "x123:abc", "123:ABC"])
def test_a_secret_of_another_form_is_refused_and_not_quoted(token: str) -> None:
    assert Formed.model_validate({"secret": "x", "token": "123:abc"}).token
    with pytest.raises(ValidationError) as raised:
        Formed.model_validate({"secret": "x", "token": token})
    assert "123:abc" in str(raised.value) and (not token.strip() or "CLAVE" not in str(raised.value))
