"""What is written about the API: the description for programs, a page for people, a page for each problem."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conserje_edge.api.description import describe
from conserje_edge.api.operation import Place
from conserje_edge.api.problem import KINDS, problem

_HEADERS = {
    "cache-control": "max-age=300",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}
_STYLE = """
body{font:1rem/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1d2430;background:#fff}
code,pre{font:.9em ui-monospace,monospace;background:#f2f4f7;border-radius:4px;padding:.1em .3em}
pre{padding:.8rem;overflow:auto;white-space:pre-wrap}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #dde2ea}
section{margin:2.5rem 0}summary{cursor:pointer}h3 code{font-size:1em}nav a{margin-right:1rem}
@media (prefers-color-scheme:dark){body{color:#e6e9ef;background:#14181f}code,pre{background:#222936}
td,th{border-color:#303949}a{color:#8ab4ff}}
"""


def routes(base: str, places: Sequence[Place]) -> list[Route]:
    @cache  # when somebody asks: it takes longer than the rest of a listener's start
    def written() -> tuple[str, str]:
        described = describe(base, places)
        return json.dumps(described), _reference(described)

    async def openapi(request: Request) -> Response:
        document, _ = await asyncio.to_thread(written)
        return Response(document, headers=_HEADERS, media_type="application/json")

    async def reference(request: Request) -> Response:
        _, page = await asyncio.to_thread(written)
        return Response(page, headers=_HEADERS, media_type="text/html")

    async def about_problem(request: Request) -> Response:
        code = request.path_params["code"]
        if code not in KINDS:
            raise problem("not-found")
        return Response(_problem_page(base, code), headers=_HEADERS, media_type="text/html")

    return [
        Route(base, reference),
        Route(f"{base}/", reference),
        Route(f"{base}/openapi.json", openapi),
        Route(f"{base}/problems/{{code}}", about_problem),
    ]


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>{body}\n"
    )


def _problem_page(base: str, code: str) -> str:
    kind = KINDS[code]
    body = (
        f"<p>Status {int(kind.status)}, code <code>{code}</code></p><p>{_text(kind.text)}</p>"
        f'<p><a href="{base}">The reference of the API</a></p>'
    )
    return _page(kind.title, body)


def _text(text: str) -> str:
    """Plain text with `code` in it."""
    parts = html.escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))


def _reference(described: dict[str, Any]) -> str:
    operations = [each for methods in described["paths"].values() for each in methods.values()]
    always = frozenset.intersection(*(frozenset(each["x-problems"]) for each in operations))
    tags: dict[str, list[str]] = {}
    for path, methods in described["paths"].items():
        for method, each in methods.items():
            tags.setdefault(each["tags"][0], []).append(_section(method, path, each, always))
    menu = " ".join(f'<a href="#{tag}">{tag}</a>' for tag in (*tags, "models", "problems"))
    parts = "".join(f'<h2 id="{tag}">{tag}</h2>{"".join(found)}' for tag, found in tags.items())
    base = described["servers"][0]["url"]
    intro = (
        f"<p>{_text(described['info']['description'])} Paths are below <code>{base}</code>; "
        f'the same for programs is <a href="{base}/openapi.json">openapi.json</a>.</p>'
        f"<nav>{menu}</nav><p>Whatever is asked may be answered by {_codes(always)}.</p>"
    )
    return _page("The API of Conserje", intro + parts + _models(described) + _problems(base))


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f'<a href="#problem-{code}"><code>{code}</code></a>' for code in sorted(codes))


def _section(method: str, path: str, each: dict[str, Any], always: Set[str]) -> str:
    parts = [
        f'<section id="{each["operationId"]}"><h3><code>{method.upper()} {html.escape(path)}</code></h3>',
        f"<p>{_text(each['summary'])}</p>",
        *(f"<p>{_text(part)}</p>" for part in each["description"].split("\n\n")),
    ]
    if each["parameters"]:
        parts.append(f"<table>{''.join(map(_parameter, each['parameters']))}</table>")
    if body := each.get("requestBody"):
        parts.append(f"<p>Body: {_kind(body['content']['application/json']['schema'])}</p>")
    parts += _answers(each["responses"])
    if codes := set(each["x-problems"]) - always:
        parts.append(f"<p>Problems: {_codes(codes)}</p>")
    return "".join([*parts, "</section>"])


def _parameter(each: dict[str, Any]) -> str:
    must = ", required" if each["required"] and each["in"] != "path" else ""
    said = _text(each.get("description", ""))
    return (
        f"<tr><td><code>{each['name']}</code><td>{each['in']}{must}<td>{_kind(each['schema'])}<td>{said}</tr>"
    )


def _answers(responses: dict[str, Any]) -> Iterator[str]:
    """Those that are no problems."""
    for status, each in responses.items():
        if status < "400":
            for media, content in each.get("content", {"": {}}).items():
                kind = _kind(content["schema"]) if content.get("schema") else media or "nothing"
                yield f"<p>Answer: {status}, {kind}</p>"


def _kind(schema: dict[str, Any]) -> str:
    """The kind of a value, in a word or a link."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if options := schema.get("anyOf"):
        return " or ".join(map(_kind, options))
    if "enum" in schema:
        return ", ".join(f"<code>{html.escape(str(each))}</code>" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return html.escape(str(schema.get("format") or schema.get("type") or ""))


def _models(described: dict[str, Any]) -> str:
    return '<h2 id="models">models</h2>' + "".join(
        f'<section id="{name}"><h3><code>{name}</code></h3><p>{_text(schema.get("description", ""))}</p>'
        f"<table>{''.join(_fields(schema))}</table></section>"
        for name, schema in sorted(described["components"]["schemas"].items())
    )


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    if "properties" not in schema:
        yield f"<tr><td>{_kind(schema)}</tr>"
    for name, each in schema.get("properties", {}).items():
        must = "required" if name in schema.get("required", ()) else ""
        said = _text(each.get("description", ""))
        yield f"<tr><td><code>{name}</code><td>{_kind(each)}<td>{must}<td>{said}</tr>"


def _problems(base: str) -> str:
    rows = "".join(
        f'<tr id="problem-{code}"><td>{int(kind.status)}'
        f'<td><a href="{base}/problems/{code}"><code>{code}</code></a><td>{_text(kind.title)}</tr>'
        for code, kind in sorted(KINDS.items(), key=lambda each: (each[1].status, each[0]))
    )
    return f'<h2 id="problems">problems</h2><table>{rows}</table>'
