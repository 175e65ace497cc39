"""The API in the words of OpenAPI 3.1, made of the operations' models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from conserje.tenants.idempotency import LONGEST as LONGEST_KEY
from conserje_edge.api.models import LONGEST, Shown
from conserje_edge.api.operation import ALWAYS, Operation, Place
from conserje_edge.api.page import Paged
from conserje_edge.api.problem import KINDS

REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_PLAIN = r"^[^\u0000]*$"
_SLUG = {"type": "string", "pattern": r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$", "examples": ["acme"]}


class ProblemPart(Shown):
    """A place in the request, as a JSON pointer, and what is wrong there."""

    pointer: str
    detail: str


class ProblemAccount(Shown):
    """An account to choose from."""

    channel: str
    address: str


class ProblemDocument(Shown):
    """What goes wrong, by RFC 9457; `code` stays as it is, `type` is a page about it.

    `template` is one that may leave where words may not.
    """

    type: str
    title: str
    status: int
    code: str
    request_id: str
    detail: str | None = None
    errors: list[ProblemPart] | None = None
    template: str | None = None
    accounts: list[ProblemAccount] | None = None


def describe(base: str, places: Sequence[Place]) -> dict[str, Any]:
    """The document at `openapi.json`."""
    schemas = _schemas(places)
    queries = {schemas.name(each.query) for each in _each(places) if each.query}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Conserje",
            "version": version("conserje-edge"),
            "description": "What other systems read and write of tenants. Times are in UTC.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base}],
        "security": [{"key": []}],
        "paths": {
            _PARAMETER.sub(r"{\1}", place.path): {
                method.lower(): _operation(place, method, each, schemas)
                for method, each in place.operations.items()
            }
            for place in places
        },
        "components": {
            "schemas": {name: each for name, each in schemas.named.items() if name not in queries},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`conserje api-key add` makes one.",
                }
            },
        },
    }


def _each(places: Sequence[Place]) -> Iterator[Operation]:
    for place in places:
        yield from place.operations.values()


@dataclass(frozen=True)
class _Schemas:
    """The models' schemas by name, and what they are called: the second of one name has a longer one."""

    named: dict[str, Any]
    references: Mapping[type[Any], str]

    def name(self, model: type[BaseModel]) -> str:
        return self.references[model].rpartition("/")[2]

    def refer(self, model: type[BaseModel]) -> dict[str, str]:
        return {"$ref": self.references[model]}


def _schemas(places: Sequence[Place]) -> _Schemas:
    given = {model for each in _each(places) for model in (each.query, each.body) if model}
    shown = {each.answer for each in _each(places) if each.answer}
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in sorted(given, key=lambda model: model.__name__)),
        *((model, "serialization") for model in sorted(shown, key=lambda model: model.__name__)),
        (ProblemDocument, "serialization"),
    ]
    found, made = models_json_schema(models, ref_template=REF)
    schemas = _Schemas(made["$defs"], {model: each["$ref"] for (model, _), each in found.items()})
    for model in given:
        _bound(schemas.refer(model), schemas.named, set())
    return schemas


def _bound(schema: Any, schemas: dict[str, Any], done: set[str]) -> None:
    """What is refused of every text that is given: NUL, and too much."""
    if isinstance(schema, list):
        for each in schema:
            _bound(each, schemas, done)
    elif isinstance(schema, dict):
        if schema.get("type") == "string" and not {"format", "enum", "const"} & schema.keys():
            schema.setdefault("maxLength", LONGEST)
            schema.setdefault("pattern", _PLAIN)
        if (reference := schema.get("$ref")) and reference not in done:
            done.add(reference)
            _bound(schemas[reference.rpartition("/")[2]], schemas, done)
        for each in list(schema.values()):
            _bound(each, schemas, done)


def _operation(place: Place, method: str, each: Operation, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": each.name,
        "summary": each.summary,
        "tags": [each.tag],
        "parameters": list(_parameters(place, method, each, schemas)),
        "responses": _responses(place, method, each, schemas),
        "x-problems": _codes(place, method, each),
    }
    needs = f"Needs the scope `{each.scope}`" + (", of the operator." if each.whose == "operator" else ".")
    described["description"] = f"{each.text}\n\n{needs}".strip()
    if each.body:
        content = {"application/json": {"schema": schemas.refer(each.body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(place: Place, method: str, each: Operation, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(place.path):
        adapter: TypeAdapter[Any] | None = each.path.get(name)
        schema = adapter.json_schema() if adapter else _SLUG
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if each.query:
        model = schemas.named[schemas.name(each.query)]
        for name, schema in model.get("properties", {}).items():
            said = {key: value for key, value in schema.items() if key != "title"}
            yield {
                "name": name,
                "in": "query",
                "required": name in model.get("required", ()),
                "description": said.pop("description", ""),
                "schema": said,
            }
    if method == "POST" and each.transaction:
        yield _header(
            "Idempotency-Key",
            "Whoever asks again with it within 24 hours gets the same answer, and it is done once.",
            pattern=f"^[\\x21-\\x7e]{{1,{LONGEST_KEY}}}$",
        )
    if "changed-meanwhile" in each.errors:
        yield _header("If-Match", "The ETag of what was read: refused where it is another one meanwhile.")


def _header(name: str, text: str, **more: str) -> dict[str, Any]:
    schema = {"type": "string", **more}
    return {"name": name, "in": "header", "required": False, "description": text, "schema": schema}


def _responses(place: Place, method: str, each: Operation, schemas: _Schemas) -> dict[str, Any]:
    good: dict[str, Any] = {"description": each.status.phrase}
    if each.answer:
        good["content"] = {"application/json": {"schema": schemas.refer(each.answer)}}
    elif each.media:
        good["content"] = {each.media: {"schema": {}}}
    if each.tagged:
        good["headers"] = {"ETag": {"schema": {"type": "string"}}}
    status = each.status if each.answer or each.media else HTTPStatus.NO_CONTENT
    responses: dict[str, Any] = {str(int(status)): good}
    for code in _codes(place, method, each):
        at = responses.setdefault(str(int(KINDS[code].status)), {"description": "", "content": _PROBLEM})
        at["description"] = f"{at['description']}\n\n`{code}`: {KINDS[code].title}.".strip()
    return responses


_PROBLEM = {"application/problem+json": {"schema": {"$ref": REF.format(model="ProblemDocument")}}}


def _codes(place: Place, method: str, each: Operation) -> list[str]:
    """The codes that its answers may have, each once."""
    codes = [*each.errors, *ALWAYS, "bad-request", "forbidden", "scope-missing"]
    if each.whose == "operator":
        codes.append("operator-only")
    if _PARAMETER.search(place.path):
        codes.append("not-found")
    if each.query:
        codes.append("invalid")
    if each.query and issubclass(each.query, Paged):
        codes.append("bad-cursor")
    if each.body:
        codes += ["not-json", "media-type", "invalid", "too-large", "too-slow"]
    if method == "POST" and each.transaction:
        codes += ["invalid", "idempotency-key-in-use", "idempotency-key-reused"]
    return sorted(set(codes))
