"""Which texts are compared with `==`, whose time tells a stranger how much of a secret is guessed.

Texts are handed to a plugin that note what they are compared with, and what is made of them does so too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, SecretStr

from conserje.contract.account import AnyAccount
from conserje.contract.channel import Webhook
from conserje.testing.subject import changed

Comparison = tuple[str, str]

_noted: set[Comparison] | None = None


@contextmanager
def noting() -> Iterator[set[Comparison]]:
    """The comparisons that are made meanwhile, each in both directions."""
    global _noted
    noted = _noted = set()
    try:
        yield noted
    finally:
        _noted = None


def revealing(right: set[Comparison], wrong: set[Comparison], open_values: set[str]) -> list[str]:
    """What was compared with a secret, or what is made of one.

    `right` are the comparisons with the account that signed, `wrong` those with another one: what is equal
    there, and compared with something new here, is compared with what is the account's own. Values that are
    no secret may be.
    """
    equal = {value for value, other in right if value == other and value}
    return sorted(
        value
        for value in equal - open_values
        if any(this == value and other != value and (this, other) not in right for this, other in wrong)
    )


def watched_hook(hook: Webhook) -> Webhook:
    return changed(hook, headers={name: _Text(value) for name, value in hook.headers.items()})


def watched(account: AnyAccount) -> AnyAccount:
    """The account, whose secrets note it. It was made for this: its own models are changed."""
    _watch(account.credentials)
    return account


def _watch(model: BaseModel) -> None:
    for _, value in model:
        match value:
            case SecretStr():
                value._secret_value = _Text(value.get_secret_value())
            case BaseModel():
                _watch(value)


def _note(one: object, other: object) -> None:
    if _noted is not None and isinstance(one, str | bytes) and isinstance(other, str | bytes):
        this, that = _plain(one), _plain(other)
        _noted.update({(this, that), (that, this)})


def _plain(value: str | bytes) -> str:
    return str.__str__(value)[:] if isinstance(value, str) else bytes.decode(value, "latin-1")


def _kept(value: Any) -> Any:
    """What is made of a text that notes does so too."""
    match value:
        case str():
            return _Text(value)
        case bytes():
            return _Bytes(value)
        case list():
            return [_kept(each) for each in value]
        case tuple():
            return tuple(_kept(each) for each in value)
        case _:
            return value


def _keeping(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **named: _kept(method(*arguments, **named))


class _Text(str):
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        _note(self, other)
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        _note(self, other)
        return str.__ne__(self, other)

    def __format__(self, form: str) -> str:
        return _Text(str.__format__(self, form))

    def __radd__(self, other: str) -> str:
        return _Text(str.__add__(other, self))


class _Bytes(bytes):
    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        _note(self, other)
        return bytes.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        _note(self, other)
        return bytes.__ne__(self, other)


_MAKING = (
    "__add__", "__getitem__", "strip", "lstrip", "rstrip", "lower", "upper", "removeprefix", "removesuffix",
    "split", "rsplit", "partition", "rpartition", "replace",
)  # fmt: skip
for _name in _MAKING:
    setattr(_Text, _name, _keeping(getattr(str, _name)))
    setattr(_Bytes, _name, _keeping(getattr(bytes, _name)))
_Text.encode = _keeping(str.encode)  # type: ignore[method-assign]
_Bytes.decode = _keeping(bytes.decode)  # type: ignore[method-assign]
