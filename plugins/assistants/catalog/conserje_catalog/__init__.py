"""Answers from the tenant's products and knowledge: no model, no key, and one message per turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from conserje import (
    Assistant,
    Content,
    List,
    Media,
    Nothing,
    Pressed,
    Product,
    Reply,
    Text,
    Turn,
    in_language,
    plain,
)
from conserje.kit import Closed
from conserje_catalog import choices, errands, left, lore, meaning, qualities, things, wishes
from conserje_catalog.amounts import amount, sold_by_measure
from conserje_catalog.asked import Asked
from conserje_catalog.looking import Looking
from conserje_catalog.names import named
from conserje_catalog.offers import SHOWN, Offers, has, near, row_id
from conserje_catalog.several import single
from conserje_catalog.vocabulary import PATTERNS
from conserje_catalog.wish import LESS_SURE, Meant
from conserje_catalog.words import LANGUAGES, Words

_WHOLESALE, _SENDS = "por mayor", "despachan"  # as the shop's knowledge is asked for it
_WORDED = 0.65  # all of a question's words are asked
_PRICED = 3  # things of which the price is said beside
_READ = 2000  # characters: whoever writes more does not ask for a product


class CatalogSettings(Closed):
    """What a tenant may word otherwise."""

    greeting: str | None = Field(
        default=None, min_length=1, max_length=1000, description="Said to a greeting."
    )


_Turn = Turn[Nothing, CatalogSettings]


class Catalog(Assistant[Nothing, CatalogSettings, Nothing]):
    """Finds products, says price and stock and what the shop has said, and admits what it does not know."""

    name = "catalog"
    contract = 1
    Credentials = Nothing
    Settings = CatalogSettings
    Operator = Nothing

    async def reply(self, turn: _Turn) -> Reply:
        turn = replace(turn, products=Looking(turn.products, turn.tenant.locale))
        words = in_language(LANGUAGES, turn.tenant.locale)
        text = "\n".join(filter(None, (_written(message.content) for message in turn.messages)))[:_READ]
        asked = Asked(text)
        hello = f"{words.hello} " if asked.begins_with_hello and not _spoke(turn) else ""
        offers = Offers(turn.tenant, words, hello)
        if asked.wants_person:
            return _say(words.hand_over, "persona", 0.95, hand_over=True)
        if chosen := await _chosen(turn):
            return await _offer(turn, Meant([chosen]), asked, offers)
        if asked.says("who"):
            return await _otherwise(turn, text, asked, offers)
        reason = wishes.reason(asked)
        mended = reason == "broken" or (reason == "complaint" and bool(asked.service))
        if reason and not (mended and await lore.known(turn, text, asked)):
            return _say(wishes.sentence(reason, words), wishes.REASONS[reason], 0.9, hand_over=True)
        if reply := await errands.kept(turn, text, asked):
            return reply
        if asked.says("leaves") and not asked.is_question and not asked.asks:
            return _say(words.thanked if asked.thanks else words.no_hurry, "despedida", 0.7)
        said = (
            await _about_the_shop(turn, text, asked, offers)
            or await _about_what_it_does(turn, text, asked, offers)
            or await _about_products(turn, text, asked, offers)
        )
        if said:
            return await _with_the_rest(turn, text, said, words)
        return await _otherwise(turn, text, asked, offers)


def _written(content: Content) -> str:
    """What the contact wrote or chose in words; nothing for a picture or a place."""
    match content:
        case Text(text=words) | Media(caption=words) | Pressed(title=words):
            return words
        case _:
            return ""


def _say(
    text: str, intent: str, confidence: float, *, hand_over: bool = False, unanswered: Sequence[str] = ()
) -> Reply:
    return Reply((Text(text),), intent, confidence, hand_over, unanswered=unanswered)


async def _with_the_rest(turn: _Turn, text: str, said: Reply, words: Words) -> Reply:
    """The answer, and that a person is asked what nobody has said."""
    questions = [] if said.hand_over else await left.questions(turn, text, plain(said.messages[0]))
    if not questions:
        return said
    return _besides(said, [words.not_known.format(question=each) for each in questions], questions)


def _besides(said: Reply, sentences: Sequence[str], questions: Sequence[str]) -> Reply:
    [content] = said.messages
    assert isinstance(content, Text | List)
    told = replace(content, text="\n\n".join([content.text, *sentences]))
    return replace(said, messages=(told,), hand_over=True, unanswered=(*said.unanswered, *questions))


def _spoke(turn: _Turn) -> bool:
    return any(said.author == "assistant" for said in turn.history)


async def _chosen(turn: _Turn) -> Product | None:
    """The product whose row of a list the contact chose last."""
    last = turn.messages[-1].content
    if not isinstance(last, Pressed):
        return None
    return next((product for product in await turn.products.all() if row_id(product) == last.id), None)


async def _about_the_shop(turn: _Turn, text: str, asked: Asked, offers: Offers) -> Reply | None:
    """What the shop has said of itself, else that a person will say; None where nothing of it is asked."""
    meant: list[Product] = []
    topics: list[str] = []
    is_of_a_thing = False
    for topic, found, clause in wishes.topics(asked):
        matches = await named(turn, [clause])
        if matches and wishes.names_product(found, matches[0]):
            return None
        topics.append(topic)
        matches = matches or await named(turn, [clause.replace(found, " ")])
        if matches and wishes.is_a_day(found):
            return None
        is_of_a_thing = is_of_a_thing or bool(matches)
        meant += [matches[0].product] if len(matches) == 1 else []
    if not topics:
        return None
    topic = topics[0]
    if told := await _told_of_it(turn, topic, meant, asked, offers) or await _told(
        turn, topic, text, meant, asked, offers
    ):
        return told
    if topic == "hours" and is_of_a_thing:
        return None  # "a qué hora sale el pan" may be told of the bread
    if topic == "hours" and (timed := await things.timed(turn, asked)):
        return Reply((offers.compared(timed),), wishes.TOPICS[topic], 0.7)
    return await _by_a_person(turn, topic, text, meant, offers)


async def _told_of_it(
    turn: _Turn, topic: str, meant: Sequence[Product], asked: Asked, offers: Offers
) -> Reply | None:
    """What the one product's own description says of it."""
    of_it = meant or [match.product for match in await things.mentioned(turn, list(asked.wanted()))]
    if len(of_it) != 1 or not wishes.is_told(topic, of_it[0]):
        return None
    return Reply((offers.one(of_it[0], described=True),), wishes.TOPICS[topic], 0.8)


async def _told(
    turn: _Turn, topic: str, text: str, meant: Sequence[Product], asked: Asked, offers: Offers
) -> Reply | None:
    """What the shop has said of it, with what else is asked."""
    known = await lore.known(turn, text, asked) or [
        each for _, part in wishes.parts(asked) for each in await turn.knowledge.search(part)
    ]
    if not known and asked.says("sends"):
        known = [each for each in await turn.knowledge.search(_SENDS) if each.topic == "delivery"]
    if not known and topic == "restock":
        known = await lore.coming(turn, asked)
    asks_less = any(each in ("haggling", "wholesale") for each, _, _ in wishes.topics(asked))
    if asks_less and wishes.is_much(asked) and not any(each.topic == "wholesale" for each in known):
        much = [each for each in await turn.knowledge.search(_WHOLESALE) if each.topic == "wholesale"]
        known = [*much, *known]
    if not known:
        return None
    answers = list(dict.fromkeys(each.answer for each in known))
    told = [*(await _priced(turn, asked, offers) or await _in_parts(turn, meant, asked, offers)), *answers]
    answer = _say(offers.hello + "\n\n".join(told), wishes.TOPICS[topic], known[0].score)
    rest = await left.topics(turn, asked, known)
    sentences = dict.fromkeys(wishes.sentence(each, offers.words) for each in rest)
    return _besides(answer, list(sentences), _asked_of_the_shop(rest, text)) if rest else answer


async def _by_a_person(turn: _Turn, topic: str, text: str, meant: Sequence[Product], offers: Offers) -> Reply:
    said = wishes.sentence(topic, offers.words)
    if topic in ("haggling", "restock") and not meant and turn.history:
        meant = choices.shown(turn.history, await turn.products.all())[:1]
    if topic in ("haggling", "restock") and meant:
        said = f"{offers.line(meant[0])} {said}"
    unanswered = _asked_of_the_shop([topic], text)
    return _say(offers.hello + said, wishes.TOPICS[topic], 0.8, hand_over=True, unanswered=unanswered)


def _asked_of_the_shop(topics: Sequence[str], text: str) -> Sequence[str]:
    """The question, where the shop could have said it: of what it haggles over it says nothing."""
    return [] if set(topics) <= {"haggling", "restock"} else [text]


async def _about_what_it_does(turn: _Turn, text: str, asked: Asked, offers: Offers) -> Reply | None:
    """What the shop has said of what it does: "hacen tortas con foto", "instalan llaves de paso".

    None where nothing is asked of it, or where a product may be meant.
    """
    verb, is_process = asked.service, asked.says("process")
    chats = asked.chats or asked.says("greeting")
    does = verb or is_process or asked.called or asked.says("service")
    if not does or (not asked.called and (asked.is_one_name or chats)):
        return None
    if turn.history and asked.says_for_whom:
        return None  # "tiene 7 meses, ya puede?" is asked of what was shown
    if found := await lore.known(turn, text, asked):
        return _say(offers.hello + found[0].answer, "pregunta", found[0].score)
    if turn.history and await meaning.is_of_the_shown(turn, asked):
        return None
    is_a_thing = bool(await turn.products.search(verb, 1) if verb else await _names_a_thing(turn, asked))
    is_a_thing = is_a_thing or (not verb and bool(await things.mentioned(turn, list(asked.wanted()))))
    if asked.says_little or (is_a_thing and not is_process):
        return None
    if found := await lore.by_a_word(turn, asked):
        return _say(offers.hello + found[0].answer, "pregunta", found[0].score)
    return _say(offers.hello + offers.words.no_data, "pregunta", 0.5, hand_over=True, unanswered=[text])


async def _names_a_thing(turn: _Turn, asked: Asked) -> bool:
    return bool(await named(turn, asked.wanted()))


async def _priced(turn: _Turn, asked: Asked, offers: Offers) -> list[str]:
    """What products asked for beside the shop cost: "cuánto sale el volcano y el despacho"."""
    offers = replace(offers, hello="")
    rest = Asked("\n".join(wishes.rest(asked)))
    together = await meaning.find(turn, rest) if rest.clauses else None
    if together and together.way == "total":
        return [plain(offers.total(list(zip(together.counts, together.products, strict=True))))]
    lines: dict[str, None] = {}
    for part in wishes.others(asked):
        count, thing = amount(part)
        matches = await named(turn, [part]) or (await named(turn, [thing]) if count > 1 else [])
        products = single([match.product for match in matches], part, count)
        lines.update(dict.fromkeys([offers.words.listed_some] if len(products) > SHOWN else []))
        for product in products[:SHOWN]:
            much = count if count > 1 else sold_by_measure(product, [part])
            lines[offers.line(product, much)] = None
        shown = choices.shown(turn.history, await turn.products.all()) if count > 1 and not thing else []
        lines.update(dict.fromkeys(offers.line(product, count) for product in shown if len(shown) == 1))
    return ["\n".join(lines)] if lines else []


async def _in_parts(turn: _Turn, meant: Sequence[Product], asked: Asked, offers: Offers) -> list[str]:
    """The price of what is to be paid in parts: "en 12 cuotas cuánto queda"."""
    if not asked.says("instalments") or asked.topic != "precio":
        return []
    rest = Asked("\n".join(PATTERNS["instalments"].sub(" ", clause) for clause in asked.clauses))
    found = None if meant else await meaning.find(turn, rest)
    priced = meant or (found.products if found else ())
    return ["\n".join(offers.line(product) for product in priced)] if 0 < len(priced) <= _PRICED else []


async def _about_products(turn: _Turn, text: str, asked: Asked, offers: Offers) -> Reply | None:
    if asked.agrees and not asked.follows_up and _offered(turn, offers.words):
        return _say(offers.words.sold, "compra", 0.8, hand_over=True)
    meant = await meaning.find(turn, asked)
    is_of_more = asked.is_question and not asked.asks_price and not turn.history
    if meant and meant.sure < LESS_SURE and (meant.is_about or is_of_more):
        known = await turn.knowledge.search(text)
        needed = 0.0 if meant.is_about and (meant.way == "shelf" or not asked.asks) else _WORDED
        if known and known[0].kind == "question" and known[0].score >= needed:
            return _say(offers.hello + known[0].answer, "pregunta", known[0].score)
    if meant is None and asked.agrees and turn.history:
        # A yes to something sold out: what is near is offered, and nothing is sold.
        offered = choices.shown(turn.history, await turn.products.all())
        there = [product for product in offered if has(product)]
        meant = Meant(there, sure=0.7) if there else None
    if meant is None:
        return None
    offer = await _offer(turn, meant, asked, offers)
    if meant.way == "offer" and qualities.unknown(meant.products, asked) and left.is_one(text):
        question = " ".join(text.split())
        return _besides(offer, [offers.words.not_known.format(question=question)], [question])
    return offer


def _offered(turn: _Turn, words: Words) -> bool:
    """Whether the last thing said to the contact was an offer."""
    last = next((plain(said.content) for said in reversed(turn.history) if said.author == "assistant"), "")
    questions = (words.one, words.several, words.all_of_it)
    return last.endswith(questions) or last.partition("\n")[0].endswith(questions)


async def _offer(turn: _Turn, meant: Meant, asked: Asked, offers: Offers) -> Reply:
    products = list(meant.products)
    if meant.way == "total":
        said = offers.total(list(zip(meant.counts, products, strict=True)))
    elif meant.way == "compare":
        said = offers.compared(products)
    elif len(products) == 1 and not has(products[0]):
        others = [each for each in await turn.products.all() if each.name not in meant.unwanted]
        instead = near(products[0], others)
        said = offers.sold_out(products[0], instead, described=meant.described)
    elif len(products) == 1:
        said = offers.one(products[0], meant.count, _heading(meant, offers), described=meant.described)
    elif meant.described:
        said = offers.compared(products)
    else:
        said = offers.several(products, _heading(meant, offers), meant.count)
    return Reply((said,), asked.topic, meant.sure)


def _heading(meant: Meant, offers: Offers) -> str:
    """What is said above products that were chosen by their price."""
    words = offers.words
    match meant.way:
        case "cheapest":
            return words.cheapest
        case "dearest":
            return words.dearest
        case "shelf":
            return words.shelf_of.format(named=meant.products[0].category.lower())
        case "some":
            return words.some
        case "too_dear":
            return words.nothing_so_cheap
        case "budget" if meant.budget:
            bounds = (meant.budget.low, meant.budget.high)
            low, high = ("" if bound is None else offers.price(bound) for bound in bounds)
            heading = words.between if low and high else words.up_to if high else words.from_on
            return heading.format(low=low, high=high)
        case _:
            return ""


async def _otherwise(turn: _Turn, text: str, asked: Asked, offers: Offers) -> Reply:
    """Small talk, what the shop has been asked before, or an honest no."""
    shelf = offers.shelf(await turn.products.all())
    if asked.has_words and not asked.names_nothing and (known := await lore.known(turn, text, asked)):
        answers = list(dict.fromkeys(each.answer for each in known))
        return _say(offers.hello + "\n\n".join(answers), "pregunta", known[0].score)
    if said := _small_talk(turn, asked, shelf, offers.words):
        return said
    if known := await lore.gone_on(turn, asked) if turn.history else await lore.by_a_word(turn, asked):
        return _say(known[0].answer, "pregunta", known[0].score)
    nameless = Asked(_without_name(text, turn.tenant.name))
    if asked.begins_with_hello and nameless.greets:
        return _small_talk(turn, nameless, shelf, offers.words) or await _not_found(
            turn, text, asked, shelf, offers
        )
    return await _not_found(turn, text, asked, shelf, offers)


def _without_name(text: str, name: str) -> str:
    """Without the words of the shop's name: "buenas don lucho"."""
    own = set(name.lower().split())
    return " ".join(word for word in text.split() if word.lower().strip(".,;:!?¡¿") not in own)


def _small_talk(turn: _Turn, asked: Asked, shelf: str, words: Words) -> Reply | None:
    """The answer to what asks for no product; None where it does, or is not understood."""
    name = turn.tenant.name
    if asked.says("catalogue"):
        return _say(shelf, "catalogo", 0.9)
    if asked.takes_leave:
        return _say(words.farewell.format(name=name), "despedida", 0.9)
    if asked.thanks or (asked.is_emoji and turn.history):
        return _say(words.thanked, "despedida", 0.9)
    if asked.says("who") or asked.greets or asked.is_emoji:
        if _spoke(turn) and not asked.says("who"):
            return _say(words.here, "saludo", 0.9)
        introduction = f"{words.hello} {words.introduction.format(name=name)} {shelf}"
        return _say(turn.settings.greeting or introduction, "saludo", 0.95)
    if asked.closes:
        said = words.no_hurry if asked.says("leaves") else words.thanked
        return _say(said, "despedida", 0.7)
    return None


async def _not_found(turn: _Turn, text: str, asked: Asked, shelf: str, offers: Offers) -> Reply:
    """An honest no, or a question, with what there is; what nobody knows goes to a person."""
    words = offers.words
    if not asked.has_words:
        return _say(f"{words.only_text} {shelf}", "no_entendido", 0.1)
    if any(True for _ in asked.unwanted()):
        return _say(f"{words.without} {shelf}", "producto", 0.6)
    if (asked.asks and asked.names_nothing) or (asked.is_question and asked.says_little):
        return _say(f"{words.which} {shelf}", asked.topic, 0.4)
    if asked.is_question and not asked.asks and not asked.is_one_name:
        return _say(words.no_data, "pregunta", 0.5, hand_over=True, unanswered=[text])
    if alike := await things.alike(turn, list(asked.wanted())):
        said = offers.one(alike[0], heading=words.alike) if len(alike) == 1 else None
        return Reply((said or offers.several(alike, words.alike),), asked.topic, 0.4)
    if await turn.products.search(text, 1):
        return _say(f"{words.near} {shelf}", asked.topic, 0.4)
    if asked.asks or asked.is_short:
        return _say(f"{words.none} {shelf}", asked.topic, 0.6)
    if _was_unclear(turn, words):
        return _say(words.still_unclear, "no_entendido", 0.2, hand_over=True)
    return _say(f"{words.unclear} {shelf}", "no_entendido", 0.2)


def _was_unclear(turn: _Turn, words: Words) -> bool:
    said: Sequence[str] = [plain(each.content) for each in turn.history if each.author == "assistant"]
    return bool(said) and said[-1].startswith(words.unclear)
