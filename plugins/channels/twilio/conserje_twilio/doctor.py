"""Whether an account is well at Twilio and posts to us, and its setting up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

import httpx2

from conserje import AccountFault, CannotTell, Finding, Refused, Urls
from conserje_twilio import api
from conserje_twilio.errors import NO_SUCH_SERVICE, NOT_ACCEPTED, Denied, explain, outcome, unanswered
from conserje_twilio.writing import WHATSAPP

# Without these Twilio tries again only where it could not connect, and a message is lost.
_OVERRIDES = "rc=3&rp=all"
_REPEATED = {"5xx", "ct", "rt"}
_PAGES = 20


async def examine(
    line: api.Line, address: str, service_sid: str | None, urls: Urls, shared: frozenset[str]
) -> Sequence[Finding]:
    """What is found about the account. Raises CannotTell."""
    try:
        findings = await _account(line)
        if (sender := await _find(line, address)) is None:
            return [*findings, _absent(address)]
        findings += _sender(address, sender, urls.webhook, shared)
        if service_sid:
            findings += await _service(line, service_sid, urls.webhook, shared)
    except CannotTell:
        raise
    except Exception as error:
        if isinstance(error, Denied) and error.status == httpx2.codes.UNAUTHORIZED:
            return [Finding("error", f"{explain(NOT_ACCEPTED)}.")]
        raise unanswered(error) from None
    return findings


async def configure(line: api.Line, address: str, service_sid: str | None, urls: Urls) -> None:
    """Twilio posts to `urls` from then on. Raises Refused or CannotTell."""
    try:
        if (sender := await _find(line, address)) is None:
            raise Refused(_absent(address).text)
        await _set(line, address, sender, f"{urls.webhook}#{_OVERRIDES}")
        if service_sid:
            # Not the service's own URL: it may serve numbers of others.
            inherit = {"UseInboundWebhookOnNumber": "true"}
            await line.ask("POST", "messaging", f"/v1/Services/{service_sid}", data=inherit)
    except (CannotTell, Refused):
        raise
    except Exception as error:
        failure = outcome(error)
        if isinstance(failure, AccountFault):
            failure = Refused(str(failure))
        raise (failure if isinstance(failure, Refused) else unanswered(error)) from None


async def _account(line: api.Line) -> list[Finding]:
    found = await line.ask("GET", "api", f"/2010-04-01/Accounts/{line.account_sid}.json")
    if found.get("status") != "active":
        return [Finding("error", f"The Twilio account is {found.get('status')}.", "See the Twilio console.")]
    findings = [Finding("ok", "Twilio accepts the credentials.")]
    if line.live == "next_auth_token":
        remedy = "Seal the credentials with it as auth_token, and without next_auth_token."
        findings += [Finding("warning", "Twilio accepts next_auth_token only.", remedy)]
    return findings


async def _find(line: api.Line, address: str) -> dict[str, Any] | None:
    """The number or WhatsApp sender as Twilio has it."""
    if address.startswith(WHATSAPP):
        path, params = "/v2/Channels/Senders", {"Channel": "whatsapp", "PageSize": "100"}
        for _ in range(_PAGES):
            page = await line.ask("GET", "messaging", path, params=params)
            for sender in page.get("senders") or ():
                if sender["sender_id"] == address:
                    return dict(sender)
            following = urlsplit((page.get("meta") or {}).get("next_page_url") or "")
            if not following.path:
                return None
            path, params = following.path, dict(parse_qsl(following.query))
        raise CannotTell("Twilio lists too many senders.")
    path = f"/2010-04-01/Accounts/{line.account_sid}/IncomingPhoneNumbers.json"
    listed = await line.ask("GET", "api", path, params={"PhoneNumber": address})
    numbers = [each for each in listed["incoming_phone_numbers"] if each["phone_number"] == address]
    return numbers[0] if numbers else None


async def _set(line: api.Line, address: str, sender: dict[str, Any], url: str) -> None:
    if address.startswith(WHATSAPP):
        webhook = {"callback_url": url, "callback_method": "POST"}
        kept = {name: value for name, value in (sender.get("webhook") or {}).items() if value}
        asked = {"webhook": kept | webhook}
        await line.ask("POST", "messaging", f"/v2/Channels/Senders/{sender['sid']}", json=asked)
    else:
        path = f"/2010-04-01/Accounts/{line.account_sid}/IncomingPhoneNumbers/{sender['sid']}.json"
        form = {"SmsUrl": url, "SmsMethod": "POST", "SmsApplicationSid": ""}
        await line.ask("POST", "api", path, data=form)


def _sender(address: str, sender: dict[str, Any], ours: str, shared: frozenset[str]) -> list[Finding]:
    findings = [_online(address, sender)] if address.startswith(WHATSAPP) else []
    if app := sender.get("sms_application_sid"):
        text = f"A TwiML app takes the messages to {address}."
        return [*findings, Finding("error", text, _fix(ours), f"TwiML app {app}")]
    return findings + _posting(*_posts_to(address, sender), ours, shared)


async def _service(line: api.Line, sid: str, ours: str, shared: frozenset[str]) -> list[Finding]:
    """What a service says beats what the number says."""
    try:
        service = await line.ask("GET", "messaging", f"/v1/Services/{sid}")
    except Denied as denied:
        if denied.status != httpx2.codes.NOT_FOUND:
            raise
        return [Finding("error", f"{explain(NO_SUCH_SERVICE)}.")]
    if service.get("use_inbound_webhook_on_number"):
        return [Finding("ok", "The Messaging Service leaves the webhook to the number.")]
    method = str(service.get("inbound_method") or "POST")
    return _posting(str(service.get("inbound_request_url") or ""), method, ours, shared)


def _online(address: str, sender: dict[str, Any]) -> Finding:
    status = str(sender.get("status"))
    if status.startswith("ONLINE"):
        return Finding("ok", f"{address} is online.")
    reasons = [_reason(each) for each in sender.get("offline_reasons") or ()]
    text = " ".join([f"{address} is {status}.", *reasons])
    return Finding("error", text, "See the sender in the Twilio console.")


def _reason(given: object) -> str:
    return str(given.get("message", "")) if isinstance(given, dict) else str(given)


def _posts_to(address: str, sender: dict[str, Any]) -> tuple[str, str]:
    """The URL to which messages are posted, and the method."""
    if address.startswith(WHATSAPP):
        webhook = sender.get("webhook") or {}
        return str(webhook.get("callback_url") or ""), str(webhook.get("callback_method") or "POST")
    return str(sender.get("sms_url") or ""), str(sender.get("sms_method") or "POST")


def _posting(url: str, method: str, ours: str, shared: frozenset[str]) -> list[Finding]:
    target, _, fragment = url.partition("#")
    if not target:
        return [Finding("error", "Twilio posts messages nowhere.", _fix(ours), "")]
    if target != ours:
        _, _, name = urlsplit(target).path.rpartition("/webhook/")
        level: Literal["warning", "error"] = "warning" if name in shared else "error"
        return [Finding(level, f"Twilio posts messages to {target}.", _fix(ours), target)]
    if method != "POST":
        return [Finding("error", f"Twilio brings messages by {method}.", _fix(ours), target)]
    if not _repeats(fragment):
        text = "Twilio does not post again what could not be taken."
        return [Finding("warning", text, _fix(ours), target)]
    return [Finding("ok", f"Twilio posts messages to {target}.")]


def _repeats(fragment: str) -> bool:
    given = dict(parse_qsl(fragment))
    reasons = set(given.get("rp", "ct").split(","))
    return given.get("rc", "1") != "0" and ("all" in reasons or reasons >= _REPEATED)


def _absent(address: str) -> Finding:
    kind = "WhatsApp sender" if address.startswith(WHATSAPP) else "number"
    remedy = "Check the account's address and account_sid; Twilio's sandbox is set in its console only."
    return Finding("error", f"{address} is no {kind} of this Twilio account.", remedy)


def _fix(ours: str) -> str:
    return f"Have it post to {ours}#{_OVERRIDES}."
