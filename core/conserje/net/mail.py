"""E-mail, by the operator's SMTP server."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from conserje.errors import OperatorError
from conserje.settings import Settings

LIMIT = 20.0  # seconds
LOOPBACK = ("localhost", "127.0.0.1", "::1")
UNSET = "There is no mail server: CONSERJE_SMTP_URL names it, and CONSERJE_MAIL_FROM who writes."


class MailFailed(OperatorError):
    """The mail server did not take a message; the text says why, without a secret."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mail is handed in, and in whose name."""

    host: str
    port: int
    tls: bool  # from the first byte; else STARTTLS, which only a server of this machine may lack
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trust: ssl.SSLContext | None = None  # None: the certificates that this machine trusts

    @classmethod
    def of(cls, settings: Settings) -> MailServer:
        """Raises MailFailed where the operator has named none."""
        if not settings.smtp_url or not settings.mail_from:
            raise MailFailed(UNSET)
        url = urlsplit(settings.smtp_url.get_secret_value())
        assert url.hostname  # the setting is checked
        tls = url.scheme == "smtps"
        return cls(
            url.hostname,
            url.port or (465 if tls else 587),
            tls,
            settings.mail_from,
            unquote(url.username) if url.username else None,
            unquote(url.password) if url.password else None,
        )

    async def send(self, to: str, subject: str, text: str, message_id: str) -> None:
        """Hand in a message. Raises MailFailed; the server may have it all the same."""
        message = EmailMessage()
        message["From"], message["To"] = self.sender, to
        message["Subject"] = " ".join(subject.split())
        message["Message-ID"] = message_id
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            async with asyncio.timeout(LIMIT):
                await aiosmtplib.send(
                    message,
                    hostname=self.host,
                    port=self.port,
                    username=self.user,
                    password=self.password,
                    use_tls=self.tls,
                    start_tls=None if self.host in LOOPBACK else not self.tls,
                    tls_context=self.trust,
                )
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailFailed(f"The mail server refuses CONSERJE_SMTP_URL's user ({error.code}).") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            raise MailFailed(f"The mail server refuses the recipient ({refused.code}).") from None
        except aiosmtplib.SMTPResponseException as error:
            raise MailFailed(f"The mail server refuses the message ({error.code}).") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            where = f"{self.host}:{self.port}"
            raise MailFailed(
                f"The mail server {where} could not be asked ({type(error).__name__})."
            ) from None
