"""Whether a phone number is well at Meta and posts to us, and its setting up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from conserje import CannotTell, Finding, Refused
from conserje_meta.api import Graph
from conserje_meta.errors import GraphError, NoAnswer

_FIELDS = "display_phone_number,verified_name,status,quality_rating,webhook_configuration"
_CONFIGURE = "Have `conserje account configure` set it."
_MANAGER = "See WhatsApp Manager."
# Of the webhooks that are configured, the first one in this order counts.
_PRECEDENCE = ("phone_number", "whatsapp_business_account", "application")


async def examine(graph: Graph, number: str, account: str, webhook: str) -> list[Finding]:
    """What is found; `account` is the WhatsApp Business Account, if it is known. Raises CannotTell."""
    try:
        found = await graph.get(number, fields=_FIELDS)
    except GraphError as error:
        return [Finding("error", _asked(error), "Check the account's address and access_token.")]
    except NoAnswer as error:
        raise CannotTell(str(error)) from None
    return [*_of_number(found), _of_webhook(found, webhook), await _of_apps(graph, account)]


def _asked(error: GraphError) -> str:
    """The error as a finding says it. Raises CannotTell for one that passes."""
    if error.wait:
        raise CannotTell(str(error)) from None
    return f"Meta refuses to tell: {error}"


def _of_number(found: dict[str, Any]) -> Iterator[Finding]:
    name = f"{found.get('display_phone_number', '?')} ({found.get('verified_name', '?')})"
    status, quality = found.get("status", "?"), found.get("quality_rating", "UNKNOWN")
    if status == "CONNECTED":
        yield Finding("ok", f"The access token is good, and {name} is connected.")
    else:
        yield Finding("error", f"{name} is not connected: {status}.", _MANAGER)
    if quality in ("YELLOW", "RED"):
        text = f"Contacts rate the number's messages as {quality}; Meta may limit it."
        yield Finding("warning", text, _MANAGER)


def _of_webhook(found: dict[str, Any], webhook: str) -> Finding:
    configured = found.get("webhook_configuration")
    urls = [configured.get(name) for name in _PRECEDENCE] if isinstance(configured, dict) else []
    used = next((str(url) for url in urls if url), "")
    if used in (webhook, _shared(webhook)):
        return Finding("ok", f"Meta posts to {used}.")
    return Finding("error", f"Meta posts to {used or 'nobody'}, not to {webhook}.", _CONFIGURE, used)


def _shared(webhook: str) -> str:
    """The address of all tenants beside a tenant's own."""
    parts = urlsplit(webhook)
    return f"{parts.scheme}://{parts.netloc.partition('.')[2]}/webhook/meta"


async def _of_apps(graph: Graph, account: str) -> Finding:
    if not account:
        return Finding(
            "warning",
            "The credentials name no WhatsApp Business Account, so its apps are not seen.",
            "Give waba_id in the account's credentials.",
        )
    try:
        found = await graph.get(f"{account}/subscribed_apps")
    except GraphError as error:
        return Finding("error", _asked(error), "Check waba_id and access_token.")
    except NoAnswer as error:
        raise CannotTell(str(error)) from None
    if found.get("data"):
        return Finding("ok", "An app is subscribed to the WhatsApp Business Account.")
    return Finding("error", "No app is subscribed to the WhatsApp Business Account.", _CONFIGURE, "")


async def configure(graph: Graph, number: str, account: str, webhook: str, verify_token: str) -> None:
    """The app is subscribed, and Meta posts this number's events to `webhook`, which it asks at once.

    Raises Refused or CannotTell.
    """
    override = {"override_callback_uri": webhook, "verify_token": verify_token}
    try:
        if account:
            await graph.post(f"{account}/subscribed_apps")
        await graph.post(number, {"webhook_configuration": override})
    except GraphError as error:
        if error.wait:
            raise CannotTell(str(error)) from None
        raise Refused(f"Meta refuses: {error}") from None
    except NoAnswer as error:
        raise CannotTell(str(error)) from None
