"""The contract of an assistant that asks a model: all of it but the wire is here."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from conserje.contract import checks, instructions
from conserje.contract.assistant import Assistant, Known, NoAnswer, Product, Reply, Turn, Utterance
from conserje.contract.breaker import Breaker
from conserje.contract.instructions import Gathered
from conserje.contract.language import in_language
from conserje.contract.message import Content, Media, Row, Text
from conserje.contract.plain import plain
from conserje.contract.prices import format_price
from conserje.contract.rounds import Rounds
from conserje.contract.wire import (
    Line,
    ModelCredentials,
    ModelOperator,
    ModelSettings,
    Prompt,
    Spoken,
    VendorFailed,
)

if TYPE_CHECKING:
    import httpx2

C = TypeVar("C", bound=ModelCredentials)
S = TypeVar("S", bound=ModelSettings)
O = TypeVar("O", bound=ModelOperator)  # noqa: E741

_LEAST = 0.1  # of the time for an answer: with less of it the server is not asked again
_CARDS = 6  # of one answer
_SEEN = frozenset({"image", "sticker"})
_PICTURE = {"es": "[imagen]", "pt": "[imagem]", "en": "[image]"}
_WORD = re.compile(r"\w+")
_FEW = 30  # so many products are told whole; of more only those that fit what was written
_REMEMBERED = 3  # earlier messages of the contact whose products are told as well
_QUOTED = 300  # characters of a message that another one answers
_NOTED = 1000  # characters of a message that is summed up
_SUMMARY_TOKENS = 1000  # that a summary may take at least, whatever an answer may
_TOLD = 16_000  # characters that are kept of what the model was told

# What is asked of the knowledge in each turn, so that the model knows the facts whatever is asked.
_FACTS = (
    "¿cuál es la dirección?", "¿hacen despacho?", "¿cuánto cuesta el despacho?",
    "¿cuánto demora el despacho?", "¿qué formas de pago tienen?", "¿hacen devoluciones?",
    "¿venden por mayor?", "¿dan factura?",
)  # fmt: skip


class ModelAssistant(Assistant[C, S, O]):
    """Lets a model answer: what it is told, its tools, its checks and its bounds. A subclass has the wire.

    The subclass names its models (Credentials, Settings, Operator), and asks its server in `ask`.
    """

    def __init__(self, operator: O, http: httpx2.AsyncClient) -> None:
        super().__init__(operator, http)
        self._breaker = Breaker()
        self._counting: set[asyncio.Future[None]] = set()  # of calls that were cut off

    async def ask(self, prompt: Prompt, turn: Turn[C, S]) -> Spoken:
        """One round: ask the model once, and say what it gave; cancelled when the time is over.

        Raises VendorFailed where the server did not do its part, NoAnswer where the model did not. Their
        texts quote neither the server nor the conversation.
        """
        raise NotImplementedError

    def shared_credentials(self) -> C | None:
        key = self.operator.api_key
        return self.Credentials.model_validate({"api_key": key}) if key else None

    def sees(self, settings: S) -> bool:
        return settings.sees

    def asking(self, credentials: C, path: str = "") -> AbstractContextManager[None]:
        """Around a request to the server, or to a part of it that may be away by itself.

        Raises NoAnswer at once where that, or the key there, has failed often and is left alone for now.
        """
        return self._breaker.asking(self.operator.base_url + path, credentials.api_key.get_secret_value())

    async def reply(self, turn: Turn[C, S]) -> Reply:
        deadline = asyncio.get_running_loop().time() + self.operator.timeout
        gathered = await _gathered(turn)
        ask = partial(self._in_time, turn, deadline)
        rounds = Rounds(ask, turn.tools, turn.budget, turn.settings.model)
        prompt = _prompt(turn, gathered)
        said = await rounds.words(prompt)
        if fault := await checks.fault(said, turn, gathered, rounds.results):
            prompt = _prompt(turn, gathered, fault.correction)
            said = await rounds.words(prompt)
            if again := await checks.fault(said, turn, gathered, rounds.results):
                raise NoAnswer(again.cause)
        return Reply(
            (_with_cards(said, gathered.products, turn.tenant.currency),),
            usage=dict(rounds.usage),
            told=_without(turn.credentials, prompt.instructions)[:_TOLD],
        )

    async def summarise(self, turn: Turn[C, S]) -> str:
        room = max(turn.settings.max_output_tokens, _SUMMARY_TOKENS)
        turn = replace(turn, settings=turn.settings.model_copy(update={"max_output_tokens": room}))
        ask = partial(self._in_time, turn, asyncio.get_running_loop().time() + self.operator.timeout)
        rounds = Rounds(ask, turn.tools, turn.budget, turn.settings.model)
        prompt = Prompt(
            instructions.summing_up(turn.tenant),
            instructions.summed_up(turn.summary),
            [Line("user", "\n".join(map(_noted, turn.history)))],  # as one: nobody is to be answered
            _anonymous(turn),
        )
        return await rounds.words(prompt)

    async def _in_time(self, turn: Turn[C, S], deadline: float, prompt: Prompt) -> Spoken:
        limit = f"CONSERJE_{self.name.upper()}_TIMEOUT, {self.operator.timeout:g} s"
        late = f"The model gave no answer within {limit}."
        left = deadline - asyncio.get_running_loop().time()
        if left < self.operator.timeout * _LEAST:
            raise NoAnswer(late)  # what came before took the time, and not the server
        try:
            with self.asking(turn.credentials):
                try:
                    return await self._counted(turn, deadline, prompt)
                except TimeoutError:
                    if left < self.operator.timeout / 2:
                        raise  # held against nobody: what came before took most of the time
                    raise VendorFailed(late) from None
        except TimeoutError:
            raise NoAnswer(late) from None

    async def _counted(self, turn: Turn[C, S], deadline: float, prompt: Prompt) -> Spoken:
        """What was asked and cut off has cost something, of which only what was read can be guessed.

        The counting is not waited for: whoever is cancelled ends at once.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await self.ask(prompt, turn)
        except (TimeoutError, asyncio.CancelledError):
            read = {"input_tokens": prompt.estimated_tokens}
            spend = turn.budget.spend(turn.settings.model, read, estimated=True)
            self._counting.add(counting := asyncio.ensure_future(spend))
            counting.add_done_callback(self._counting.discard)
            raise


def _prompt(turn: Turn[C, S], gathered: Gathered, correction: str = "") -> Prompt:
    settings = turn.settings
    past = turn.history[-settings.history_limit :] if settings.history_limit else ()
    offers = turn.tools.offers
    now = datetime.now(UTC)
    return Prompt(
        instructions.stable(turn.tenant, settings.instructions, gathered, offers),
        instructions.changing(turn.tenant, turn.contact, turn.summary, gathered, now, correction),
        [_line(said, turn.tenant.locale) for said in (*past, *turn.messages)],
        _anonymous(turn),
        offers,
    )


def _anonymous(turn: Turn[C, S]) -> str:
    """The contact's name for the vendor, which says nothing about the contact."""
    return hashlib.sha256(f"{turn.tenant.slug}/{turn.contact.id}".encode()).hexdigest()


async def _gathered(turn: Turn[C, S]) -> Gathered:
    asked = _written(turn.messages)
    before = [said for said in turn.history if said.author == "contact"][-_REMEMBERED:]
    products = await turn.products.all()
    few = len(products) <= _FEW
    if not few:
        products = await _fitting(turn, asked, _written(before))
    facts = [known for phrase in _FACTS for known in await turn.knowledge.search(phrase)]
    facts = _once(known for known in facts if known.kind == "fact")
    told = {known.answer for known in facts}
    found = [known for known in await turn.knowledge.search(asked) if known.answer not in told]
    return Gathered(products, few, facts, found)


async def _fitting(turn: Turn[C, S], *texts: str) -> list[Product]:
    """The products that the texts may mean, those of the first text first."""
    found = [match.product for text in texts if text for match in await turn.products.search(text, _FEW)]
    return list({product.id: product for product in found}.values())[:_FEW]


def _once(known: Iterable[Known]) -> list[Known]:
    return list({each.answer: each for each in known}.values())


def _line(said: Utterance, locale: str) -> Line:
    text = _in_words(said.content, locale)
    if not text.strip():
        text = "[empty]"
    if said.heard:
        text = f"[voice note, as it was heard] {text}"
    if said.quoted is not None:
        text = f'[in answer to "{plain(said.quoted)[:_QUOTED]}"]\n{text}'
    return Line("user" if said.author == "contact" else "assistant", text, said.pictures)


def _in_words(content: Content, locale: str) -> str:
    """What it says; a picture is one word, whatever its file is called."""
    if not isinstance(content, Media) or not all(each.kind in _SEEN for each in content.files):
        return plain(content)
    word = in_language(_PICTURE, locale)
    return " ".join(filter(None, (*(word for _ in content.files), content.caption)))


def _noted(said: Utterance) -> str:
    """A message as it stands in what is to be summed up."""
    text = " ".join(plain(said.content).split())[:_NOTED]
    return f"{'Customer' if said.author == 'contact' else 'Business'}, {said.at:%Y-%m-%d}: {text}"


def _written(messages: Sequence[Utterance]) -> str:
    return "\n".join(plain(said.content) for said in messages)


def _with_cards(said: str, products: Sequence[Product], currency: str) -> Content:
    """What the model wrote, with the products that it names and that have something to show."""
    words = _words(said)
    named = [each for each in products if (each.picture or each.link) and _words(each.name) in words]
    cards = (
        Row(f"product-{each.id}", each.name, format_price(each.price, currency), each.picture, each.link)
        for each in named[:_CARDS]
    )
    return Text(said, cards=tuple(cards))


def _words(written: str) -> str:
    """The words, so that those of a name are found among them as they stand: "Pan" is not in "pantalla"."""
    return f" {' '.join(_WORD.findall(written.casefold()))} "


def _without(credentials: ModelCredentials, text: str) -> str:
    return text.replace(credentials.api_key.get_secret_value(), "…")
