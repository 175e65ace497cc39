"""Telegram, words only: who writes to a bot is answered."""

from collections.abc import Iterable

from conserje import Account, AccountFault, Channel, Event, Ignored, InboundMessage, Limits, Nothing
from conserje import OutboundMessage, Receipt, Refused, Text, Unreachable, Webhook, plain
from conserje.kit import Bearer, Closed, Secret, ask

SECRET = Bearer("x-telegram-bot-api-secret-token")


class Keys(Closed):
    token: Secret
    secret: Secret


class Place(Closed):
    base_url: str = "https://api.telegram.org"


class TelegramText(Channel[Keys, Nothing, Place]):
    name, contract = "telegram_text", 1
    Credentials, Settings, Operator = Keys, Nothing, Place
    limits = Limits(text=4096, unit="utf-16")

    def verify(self, hook: Webhook, account: Account[Keys, Nothing]) -> str | None:
        return SECRET.verify(hook, {"secret": account.credentials.secret})

    def parse(self, hook: Webhook, account: Account[Keys, Nothing]) -> Iterable[Event]:
        match hook.json:  # a group's id is below 0
            case {"message": {"message_id": int(id), "chat": {"id": int(chat)}, "text": str(text)}} if (
                chat > 0
            ):
                yield InboundMessage(account.address, f"{chat}:{id}", str(chat), Text(text))
            case _:
                yield Ignored(account.address, "no text")

    async def send(self, message: OutboundMessage, account: Account[Keys, Nothing]) -> Receipt:
        url = f"{self.operator.base_url}/bot{account.credentials.token.get_secret_value()}/sendMessage"
        said = {"chat_id": message.to, "text": plain(message.content)}
        answered = await ask(self.http, "POST", url, retry_after="parameters.retry_after", json=said)
        if answered.status in (401, 404):
            raise AccountFault("Telegram does not accept the token: seal another one.", retry=False)
        if answered.status == 403:
            raise Unreachable("they have blocked the bot.")
        if not answered.ok:
            raise Refused(f"Telegram refuses the message ({answered.status}).")
        id = answered.json["result"]["message_id"]
        return Receipt(f"{message.to}:{id:d}")  # whatever else is raised says that nobody knows
