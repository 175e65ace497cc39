"""What is said at a host that is nobody's: a page to browsers, in their language."""

from __future__ import annotations

import html
from http import HTTPStatus

from starlette.types import Scope

from conserje.contract.language import in_language
from conserje.tenants.words import NOBODY
from conserje_edge.wire.answers import Header, Messages, Problem

_FIRST = "es"  # of who says no language that we speak
_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"vary", b"accept, accept-language"),
    (b"x-content-type-options", b"nosniff"),
)
_PAGE = (
    '<!doctype html><html lang="{language}"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>{title}</title>'
    '<p style="font:1.1rem system-ui;margin:3rem auto;max-width:24rem;text-align:center">{text}\n'
)


class Nobody(Problem):
    """The host is nobody's."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.NOT_FOUND)

    def shown(self, scope: Scope, request_id: str) -> Messages:
        """The page, where a browser asks; whoever else gets the document."""
        given = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if "text/html" not in given.get(b"accept", ""):
            return self.answer(request_id)
        language = _language(given.get(b"accept-language", ""))
        title, text = map(html.escape, in_language(NOBODY, language))
        page = _PAGE.format(language=language, title=title, text=text).encode()
        return self.page(page, request_id, *_HEADERS)


def _language(accepted: str) -> str:
    """The first of the languages that a browser names, in its order, which we speak."""
    named = (tag.strip()[:2].lower() for tag in accepted.split(","))
    return next((language for language in named if language in NOBODY), _FIRST)
