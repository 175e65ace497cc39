"""The stand-in's numbers, WhatsApp senders and Messaging Services: where each posts what contacts write."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conserje_fakes.twilio_refusals import Refusal

NUMBERS = "/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json"
NUMBER = "/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers/{number}.json"
SENDERS, SENDER = "/v2/Channels/Senders", "/v2/Channels/Senders/{sender}"
SERVICE = "/v1/Services/{service}"

_NUMBER_FIELDS = {"SmsUrl": "sms_url", "SmsMethod": "sms_method", "SmsApplicationSid": "sms_application_sid"}
_SERVICE_FIELDS = {"InboundRequestUrl": "inbound_request_url"}


def _sid(prefix: str, of: str) -> str:
    return prefix + hashlib.md5(of.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Setup:
    """What an operator has set at Twilio; made at the first look, as a new number is."""

    _kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def number(self, address: str) -> dict[str, Any]:
        fresh = {"sid": _sid("PN", address), "phone_number": address, "sms_url": "", "sms_method": "POST"}
        return self._kept.setdefault(address, fresh | {"sms_application_sid": ""})

    def sender(self, address: str) -> dict[str, Any]:
        fresh = {"sid": _sid("XE", address), "sender_id": address, "status": "ONLINE", "webhook": {}}
        return self._kept.setdefault(address, fresh | {"offline_reasons": None})

    def service(self, sid: str) -> dict[str, Any]:
        fresh = {"sid": sid, "inbound_request_url": "", "inbound_method": "POST"}
        return self._kept.setdefault(sid, fresh | {"use_inbound_webhook_on_number": False})

    def numbers(self, addresses: Sequence[str], query: Mapping[str, str]) -> list[dict[str, Any]]:
        asked = query.get("PhoneNumber", "")
        return [self.number(each) for each in addresses if not _is_whatsapp(each) and asked in each]

    def senders(self, addresses: Sequence[str]) -> list[dict[str, Any]]:
        return [self.sender(each) for each in addresses if _is_whatsapp(each)]

    def set_number(self, addresses: Sequence[str], sid: str, form: Mapping[str, Any]) -> dict[str, Any]:
        """Raises Refusal."""
        number = _one(self.numbers(addresses, {}), sid)
        return _update(
            number, {_NUMBER_FIELDS[name]: str(form[name]) for name in form if name in _NUMBER_FIELDS}
        )

    def set_sender(self, addresses: Sequence[str], sid: str, asked: Any) -> dict[str, Any]:
        """The webhook as a whole is replaced. Raises Refusal."""
        if not isinstance(asked, dict):
            raise Refusal(400, 20001, "Bad request: a JSON object is expected")
        return _update(_one(self.senders(addresses), sid), {"webhook": dict(asked.get("webhook") or {})})

    def set_service(self, sid: str, form: Mapping[str, Any]) -> dict[str, Any]:
        known = _SERVICE_FIELDS.keys() & form.keys()
        given: dict[str, Any] = {_SERVICE_FIELDS[name]: str(form[name]) for name in known}
        if (inherits := form.get("UseInboundWebhookOnNumber")) is not None:
            given["use_inbound_webhook_on_number"] = inherits == "true"
        return _update(self.service(sid), given)

    def webhook(self, address: str, service: str | None) -> str:
        """Where messages to `address` are posted: a service's word beats the number's."""
        if service and not self.service(service)["use_inbound_webhook_on_number"]:
            return str(self.service(service)["inbound_request_url"])
        if _is_whatsapp(address):
            return str(self.sender(address)["webhook"].get("callback_url", ""))
        return str(self.number(address)["sms_url"])


def _is_whatsapp(address: str) -> bool:
    return address.startswith("whatsapp:")


def _one(found: Sequence[dict[str, Any]], sid: str) -> dict[str, Any]:
    for each in found:
        if each["sid"] == sid:
            return each
    raise Refusal(404, 20404, f"The requested resource {sid} was not found")


def _update(kept: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    kept.update(given)
    return kept
