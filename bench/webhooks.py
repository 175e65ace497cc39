"""What Twilio would post: webhooks with valid signatures, as whole requests in files that wrk reads."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

DOMAIN = "bots.localhost"  # a wildcard for *.localhost is one that nobody accepts
BOT = "/bot/twilio"
SENDERS = 32  # of each tenant
TEXTS = (
    "Hola, ¿tienen alimento para cachorro de 15 kilos?",
    "wena, a cuánto está el despacho a Ñuñoa?",
    "Quiero dos de los que compré la semana pasada, por favor",
    "¿Hasta qué hora atienden hoy?",
    "gracias!! y aceptan transferencia?",
)


@dataclass(frozen=True)
class Tenant:
    """A tenant with its Twilio account."""

    slug: str
    address: str
    account_sid: str
    auth_token: str

    @property
    def host(self) -> str:
        return f"{self.slug}.{DOMAIN}"


def tenants(count: int) -> list[Tenant]:
    """Tenants of this run only: their secrets are new each time."""
    return [
        Tenant(f"negocio-{n}", f"whatsapp:+5622{n:07d}", "AC" + secrets.token_hex(16), secrets.token_hex(16))
        for n in range(count)
    ]


def write(path: Path, tenants: list[Tenant], count: int) -> None:
    """Write `count` webhooks to files <path>.<slug>, each after its length in four digits."""
    for number, tenant in enumerate(tenants):
        with open(f"{path}.{tenant.slug}", "wb") as file:
            for _ in range(count // len(tenants)):
                sender = number * SENDERS + random.randrange(SENDERS)
                request = webhook(tenant, f"569{sender:08d}", random.choice(TEXTS))
                file.write(b"%04d%b" % (len(request), request))


def webhook(tenant: Tenant, phone: str, text: str) -> bytes:
    """A new message as the whole HTTP request that the proxy in front passes on."""
    return _request(tenant, f"{BOT}/webhook", _form(tenant, phone, text))


def status(tenant: Tenant, phone: str, sid: str, word: str, message: int = 0) -> bytes:
    """What became of a message of ours, as such a request; `message` is our id of it, if it is one."""
    form = {
        "SmsSid": sid,
        "SmsStatus": word,
        "MessageStatus": word,
        "To": f"whatsapp:+{phone}",
        "ChannelToAddress": f"+{phone}",
        "MessageSid": sid,
        "AccountSid": tenant.account_sid,
        "From": tenant.address,
        "ApiVersion": "2010-04-01",
    }
    return _request(tenant, f"{BOT}/status" + (f"?message={message}" if message else ""), form)


def _request(tenant: Tenant, path: str, form: dict[str, str]) -> bytes:
    body = urlencode(form)
    return (
        f"POST {path} HTTP/1.1\r\n"
        f"Host: {tenant.host}\r\n"
        "User-Agent: TwilioProxy/1.1\r\n"
        "Accept: */*\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"X-Twilio-Signature: {_signature(tenant, path, form)}\r\n"
        "X-Forwarded-Proto: https\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _form(tenant: Tenant, phone: str, text: str) -> dict[str, str]:
    sid = f"SM{random.getrandbits(128):032x}"
    return {
        "ChannelMetadata": '{"type":"whatsapp","data":{"context":{"ProfileName":"Camila Pérez"}}}',
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ProfileName": "Camila Pérez",
        "MessageType": "text",
        "SmsSid": sid,
        "WaId": phone,
        "SmsStatus": "received",
        "Body": text,
        "To": tenant.address,
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": sid,
        "AccountSid": tenant.account_sid,
        "From": f"whatsapp:+{phone}",
        "ApiVersion": "2010-04-01",
    }


def _signature(tenant: Tenant, path: str, form: dict[str, str]) -> str:
    signed = f"https://{tenant.host}{path}" + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(tenant.auth_token.encode(), signed.encode(), hashlib.sha1)).decode()
