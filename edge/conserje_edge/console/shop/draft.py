"""Who answers for a tenant, how, and with which tools: as it is kept, or as somebody has just typed it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from conserje.operations.tenant_change import Changes
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.patches import patched
from conserje.tenants.tenants import OWN_TOOLS, Tenant
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.shop import settings
from conserje_edge.console.shop.settings import Setting

NAMES = {
    "search_products": N_("Look products up"),
    "search_knowledge": N_("Look up what you say about your business"),
    "hand_over": N_("Call a person"),
    "lead": N_("Note what somebody wants, for one of you"),
    "mcp": N_("Tools of your own server (MCP)"),
    "catalog": N_("Without a model: from your products and what you say"),
    "openai": N_("A model of OpenAI, or one that speaks as theirs do"),
    "anthropic": N_("A model of Anthropic"),
    "echo": N_("Says what it was told, for trials"),
}
# What our own plugins call their settings.
SETTINGS = (
    N_("Greeting"), N_("Said to a greeting."),
    N_("Model"), N_("The model's name, as the API knows it."),
    N_("Instructions"), N_("What else the assistant is told."),
    N_("Max Output Tokens"), N_("Longest answer, in tokens."),
    N_("History Limit"), N_("Earlier messages that the model reads."),
    N_("Effort"), N_("How much effort the model makes, in output tokens; null: what it is used to."),
    N_("Mode"), N_("Which of OpenAI's two APIs is spoken; null: the operator's choice."),
    N_("Reasoning"), N_("How much the model reasons, in output tokens; null: for models that do not."),
    N_("Sees"), N_("Whether the model is shown customers' pictures, which then go to its vendor."),
    N_("Transcription Model"),
    N_("The model that writes down voice notes, where they are switched on (voice_notes)."),
    N_("Tools"), N_("By the server's own names."), N_("Settings"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToolLine:
    """A tool that may be allowed."""

    name: str
    label: str
    on: bool
    effect: bool
    settings: list[Setting]


@dataclass(frozen=True, slots=True)
class Draft:
    """`changes` is what differs from what is kept; `wrong` whether something of it cannot be."""

    assistant: str
    fallback: str
    settings: list[Setting]
    tools: list[ToolLine]
    changes: Changes = field(default_factory=Changes)
    wrong: bool = False

    def entry(self, kept: Entry) -> Entry:
        """The tenant as it would be."""
        tenant = replace(
            kept.tenant,
            assistant=self.assistant,
            fallback_assistant=self.fallback,
            assistant_settings=patched(kept.tenant.assistant_settings, self.changes.assistant_settings),
            tool_settings=patched(kept.tenant.tool_settings, self.changes.tools),
        )
        return Entry(tenant, kept.accounts)


def tag_of(tenant: Tenant) -> str:
    """The same as long as nobody changes who answers, and how."""
    said = (tenant.assistant, tenant.fallback_assistant, tenant.assistant_settings, tenant.tool_settings)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def kept(asked: Asked, assistant: str = "") -> Draft:
    """As it is kept; with another assistant, were that one to answer."""
    tenant, plugins = asked.tenant, asked.context.plugins
    name = assistant if assistant in plugins.assistants else tenant.assistant
    return Draft(
        name,
        tenant.fallback_assistant,
        settings.fields(_model(asked, name), tenant.assistant_settings.get(name) or {}, "assistant"),
        [_tool(asked, each) for each in _tools(asked)],
    )


def typed(asked: Asked, tenant: Tenant) -> Draft:
    """As it was typed."""
    plugins = asked.context.plugins
    name = given if (given := asked.given("assistant")) in plugins.assistants else tenant.assistant
    second = asked.given("fallback")
    fallback = second if second in plugins.assistants else tenant.fallback_assistant
    before = tenant.assistant_settings.get(name) or {}
    shown, changed = settings.typed(asked, _model(asked, name), before, "assistant")
    tools, tool_changes = _typed_tools(asked, tenant)
    changes = Changes(
        columns=_different(tenant, {"assistant": name, "fallback_assistant": fallback}),
        assistant_settings={name: changed} if patched(before, changed) != before else {},
        tools=tool_changes,
    )
    wrong = any(each.wrong for each in (*shown, *(one for tool in tools for one in tool.settings)))
    return Draft(name, fallback, shown, tools, changes, wrong)


def _different(tenant: Tenant, columns: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in columns.items() if getattr(tenant, name) != value}


def _typed_tools(asked: Asked, tenant: Tenant) -> tuple[list[ToolLine], dict[str, Any]]:
    """The lines as they were filled in, and what changes of them."""
    lines, changes, allowed = [], dict[str, Any](), asked.chosen("tool")
    for name in _tools(asked):
        line, model = _tool(asked, name), asked.context.plugins.tools[name].Settings
        before = tenant.tool_settings.get(name) or {}
        shown, changed = settings.typed(asked, model, before, f"tool.{name}")
        on = name in allowed
        lines.append(replace(line, on=on, settings=shown if on else line.settings))
        if on and (not tenant.has_tool(name) or patched(before, changed) != before):
            changes[name] = changed
        elif not on and tenant.has_tool(name):
            changes[name] = False
    return lines, changes


def _tools(asked: Asked) -> list[str]:
    """Core's own first."""
    return sorted(asked.context.plugins.tools, key=lambda name: (name not in OWN_TOOLS, name))


def _tool(asked: Asked, name: str) -> ToolLine:
    tool, there = asked.context.plugins.tools[name], asked.tenant.tool_settings.get(name) or {}
    fields = settings.fields(tool.Settings, there, f"tool.{name}")
    label = asked.speech.gettext(NAMES[name]) if name in NAMES else f"{name}: {tool.description}"
    return ToolLine(name, label, asked.tenant.has_tool(name), tool.effect, fields)


def _model(asked: Asked, name: str) -> type[BaseModel]:
    """An assistant that is gone has no settings."""
    found = asked.context.plugins.assistants.get(name)
    return found.Settings if found else BaseModel


def unready(asked: Asked, draft: Draft) -> str:
    """Why the assistant could not answer, if it were kept like this; empty: it could."""
    plugin = asked.context.plugins.assistants.get(draft.assistant)
    if plugin is None:
        return asked.context.plugins.broken.get(draft.assistant, asked._("It is not installed."))
    assert asked.entry is not None  # the path has {slug}
    try:
        draft.entry(asked.entry).assistant(plugin, asked.context.vault)
    except AccountUnusable as error:
        return str(error)
    return ""
