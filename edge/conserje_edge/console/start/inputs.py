"""Inputs: what an account is asked for, from the plugin's models and the guide, and what was typed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from conserje.contract.assistant import Assistant
from conserje.contract.channel import Channel
from conserje.errors import OperatorError
from conserje.operations import enrolment
from conserje.plugins import fields
from conserje.plugins.fields import ModelField
from conserje.plugins.guard import AnyPlugin
from conserje.storage.database import Connection
from conserje.tenants.keyring import VaultError
from conserje.tenants.refusals import TenantError
from conserje_edge.console.asked import Asked
from conserje_edge.console.start.guides import Guide, guide_of

Part = Literal["credentials", "settings"]


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a form; a secret's has never a value."""

    name: str
    kind: str
    label: str
    help: str
    value: Any
    required: bool
    options: tuple[tuple[str, str], ...] = ()
    longest: int | None = None


def asked_for(plugin: AnyPlugin, part: Part) -> list[ModelField]:
    """The fields of one of its models that people fill in. Raises PluginFailed."""
    if part == "settings" and not isinstance(plugin, Channel):
        return []  # the tenant's own, which has a page for them
    model: type[BaseModel] = getattr(plugin, part.title())
    guide = guide_of(plugin.name)
    return [each for each in fields.fields_of(model) if each.name not in guide.left_out | guide.made]


def inputs(
    asked: Asked, plugin: AnyPlugin, part: Part, there: Mapping[str, Any], *, anew: bool
) -> list[Input]:
    """The inputs for a part; `there` is what is kept, `anew` whether nothing is there yet."""
    guide, shown = guide_of(plugin.name), []
    for each in asked_for(plugin, part):
        name = f"{part}.{each.name}"
        told = guide.fields.get(each.name)
        shown.append(
            Input(
                name,
                each.kind,
                asked._(told.label) if told else each.label,
                asked._(told.help) if told and told.help else each.help if not told else "",
                "" if part == "credentials" and not anew else _value(asked, name, each, there),
                each.required and anew,
                tuple((choice, choice) for choice in each.choices),
                each.longest,
            )
        )
    return shown


def _value(asked: Asked, name: str, of: ModelField, there: Mapping[str, Any]) -> Any:
    if of.kind == "secret":
        return ""
    if asked.request.method == "POST":
        return asked.given(name)
    value = there.get(of.name, of.default)
    if of.kind == "lines":
        return "\n".join(map(str, value or ()))
    return "" if value is None else value


def typed(asked: Asked, plugin: AnyPlugin, part: Part) -> dict[str, Any]:
    """What was typed of a part, None for what was left empty."""
    wanted = asked_for(plugin, part)
    return fields.read(wanted, {each.name: asked.given(f"{part}.{each.name}") for each in wanted})


def typed_address(asked: Asked, plugin: AnyPlugin) -> str:
    """The account's address as the provider has it. Raises TenantError."""
    if isinstance(plugin, Assistant):
        return "own"
    kind = asked.given("kind")
    before = kind if kind in [each for each, _ in guide_of(plugin.name).kinds] else ""
    written = asked.given("address")
    if not written:
        raise TenantError(asked._("Something has to be written here."), "address")
    return enrolment.address_of(plugin, asked.tenant.slug, before + written.removeprefix(before))


async def credentials(
    asked: Asked, connection: Connection, plugin: AnyPlugin, there: Mapping[str, Any] | None = None
) -> bytes | None:
    """What was typed, over what was typed before and over what is kept; None: nothing at all.

    Raises VaultError for what was not typed before.
    """
    before = await _typed_before(asked, connection, plugin)
    given = {name: value for name, value in typed(asked, plugin, "credentials").items() if value is not None}
    found = {**(there or {}), **before, **given}
    if not found:
        return None
    made = {name: secrets.token_urlsafe(32) for name in guide_of(plugin.name).made if name not in found}
    return json.dumps({**found, **made}).encode()


async def _typed_before(asked: Asked, connection: Connection, plugin: AnyPlugin) -> dict[str, Any]:
    """Of a form that was sent before, sealed: a browser is shown no secret again."""
    if not (sealed := asked.given("sealed")):
        return {}
    place = (asked.tenant, plugin.name, asked.given("sealed_for"))
    try:
        return await enrolment.unsealed(asked.context, connection, *place, sealed)
    except VaultError:
        return {}  # the keys have changed meanwhile: it is typed anew


def wrong(asked: Asked, guide: Guide, error: OperatorError) -> dict[str, str]:
    """What is wrong, by the input that it is wrong with."""
    if error.of == "address" and guide.wrong_address and asked.given("address"):
        return {"address": asked._(guide.wrong_address)}
    if "." in error.of:
        return {error.of: asked._("This does not fit: copy it once more, all of it.")}
    return {error.of if error.of == "address" else "": str(error)}
