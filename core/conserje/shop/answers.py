"""Finds what answers a text in what a tenant has said about itself, in time linear in the text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from rapidfuzz import process
from rapidfuzz.distance import OSA

from conserje.contract.assistant import Known, Tenant, Topic
from conserje.contract.opt_out import bare
from conserje.shop import cues, saying
from conserje.shop.asking import Cues, Word, composed, is_named, words_of
from conserje.shop.knowledge import Question, Told
from conserje.shop.search import clipped_from
from conserje.shop.words import WORD, meanings

_READ = 2000  # characters of a text: whoever writes more tells a story
_MOST = 3  # answers to one text
_FITS = 0.6
_LONG_ENOUGH = 6  # letters; shorter words have too many honest neighbours to be slips of the pen
_TOLERATED = 30  # unknown words of a text that are looked for as slips of the pen
_SCORED = 2_500  # wordings, for all clauses of a text
_ANSWERED = 200  # characters of an answer, which is found by its beginning
_WORDED = 25  # words of a wording: the index is kept in memory, and nobody asks in more
_SPOKEN_OF = 0.62  # how surely a question is meant, of which and of whose answer the text has most words
_LIGHT, _UNKNOWN = 0.15, 0.9  # what a word is worth that is in every question, and one that is in none

_CLAUSE = re.compile(r"[\n.,;:!?¡¿…]+(?!\d)")
_HOURS, _ADDRESS, _DELIVERY, _REACH, _COST, _TIME, _ARRIVAL = map(
    Cues, (cues.HOURS, cues.ADDRESS, cues.DELIVERY, cues.REACH, cues.COST, cues.TIME, cues.ARRIVAL)
)
_PAYMENT, _COST_ALONE = Cues(cues.PAYMENT), Cues(cues.COST_ALONE)
_PLAIN: tuple[tuple[Topic, Cues], ...] = (
    ("payment", _PAYMENT),
    ("returns", Cues(cues.RETURNS)),
    ("wholesale", Cues(cues.WHOLESALE)),
    ("invoices", Cues(cues.INVOICES)),
)
_OF_FACTS = frozenset[str]().union(
    *(each.known for each in (_HOURS, _ADDRESS, _DELIVERY, _REACH, _COST, _TIME, *(cue for _, cue in _PLAIN)))
)
_OWN = frozenset(cues.OWN.split())
_UNDER_WAY = frozenset(key for word in cues.UNDER_WAY.split() for key in meanings(word))
_SHOWN = frozenset(
    ("foto", "fotos", "imagen", "imágenes", "imagenes", "video", "catalogo", "catálogo", "link")
)
_HOW_MUCH = frozenset(("cuanto", "cuánto", "kuanto", "quanto", "much"))
_DONE = frozenset(cues.DONE.split())  # word by word: what is done has the stem of what may be done


@dataclass(frozen=True, slots=True)
class _Found:
    """What may be said, and by which words of the text it is asked for."""

    known: Known
    places: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Wording:
    """One way to ask a question: what its words may mean, those that tell it from others and the rest."""

    question: int
    content: tuple[frozenset[str], ...]
    rest: tuple[frozenset[str], ...]

    @property
    def total(self) -> float:
        return len(self.content) + _LIGHT * len(self.rest)


class Answers:
    """A tenant's facts and questions, and the index that finds them; any thread may search."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self._wordings: list[_Wording] = []
        self._as_one: dict[
            str, frozenset[str]
        ] = {}  # what two words mean that people write as one: "giftcard"
        for number, question in enumerate(told.questions):
            for written in (question.question, *question.wordings):
                self._take(number, words_of(written)[:_WORDED])
        self._spoken = _spoken(told.questions)
        self._having = defaultdict[str, list[int]](list)
        for place, wording in enumerate(self._wordings):
            for key in {key for keys in wording.content + wording.rest for key in keys}:
                self._having[key].append(place)
        self._sorted = sorted(key for key in self._having if not key.startswith("="))
        self._alike = defaultdict[tuple[str, int], list[str]](list)
        for key in self._having.keys() | _OF_FACTS:
            if len(key) >= _LONG_ENOUGH - 1 and not key.startswith("="):
                self._alike[key[0], len(key)].append(key)

    def _take(self, question: int, words: Sequence[Word]) -> None:
        for before, word in pairwise(words):
            if before.is_content and word.is_content:
                self._as_one[before.written + word.written] = before.keys | word.keys
        wording = _wording(question, words)
        if wording.content:  # one of stop words alone is found by nothing
            self._wordings.append(wording)

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        questions = self.told.questions
        texts = sum(len(each.question) + len(each.answer) + len("".join(each.wordings)) for each in questions)
        words = sum(len(each.content) + len(each.rest) for each in self._wordings)
        return 1000 + texts + 250 * len(self._wordings) + (25 + 300) * words + 400 * len(self._having)

    def search(self, text: str, tenant: Tenant, now: datetime) -> list[Known]:
        """The best first; a further one answers other words of the text."""
        clauses = self._clauses(text[:_READ])
        questions = list(self._questions(clauses))
        facts = [
            fact
            for fact in self._facts(clauses, tenant, now)
            if not any(fact.places < question.places for question in questions)  # "cambian pantallas"
        ]
        found = [*facts, *questions]
        found.sort(key=lambda each: (-each.known.score, each.known.kind == "fact"))
        taken: set[int] = set()
        best: list[Known] = []
        for each in found:
            said = each.known.answer in {known.answer for known in best}
            if len(best) < _MOST and not said and not taken & each.places:
                taken |= each.places
                best.append(each.known)
        return best

    def _clauses(self, text: str) -> list[list[Word]]:
        """The words of each clause, slips of the pen mended."""
        place, tolerated = 0, 0
        clauses = []
        for clause in _CLAUSE.split(composed(text)):
            words: list[Word] = []
            said = WORD.findall(clause)
            for n, written in enumerate(said):
                keys = meanings(written)
                keys |= self._as_one.get(written, frozenset())
                unknown = not keys & _OF_FACTS and not any(key in self._having for key in keys)
                if unknown and len(written) >= _LONG_ENOUGH and written.isalpha() and tolerated < _TOLERATED:
                    tolerated += 1
                    keys |= frozenset(self._misspelt(keys))
                elif unknown:
                    keys |= {each for each in (clipped_from(key, self._sorted) for key in keys) if each}
                words.append(Word(place, written, keys, is_named(said, n)))
                place += 1
            clauses.append(words)
        return clauses

    def _misspelt(self, keys: Iterable[str]) -> Iterator[str]:
        """The known ones of which these may be slips of the pen."""
        for key in keys:
            for length in range(len(key) - 1, len(key) + 2):
                alike = self._alike.get((key[:1], length), ()) if len(key) >= _LONG_ENOUGH - 1 else ()
                for known, _, _ in process.extract_iter(key, alike, scorer=OSA.distance, score_cutoff=1):
                    yield known

    def _facts(self, clauses: Sequence[Sequence[Word]], tenant: Tenant, now: datetime) -> Iterator[_Found]:
        if _is_under_way(clauses):
            return
        yield from self._delivery(clauses, tenant.locale)
        yield from self._hours(clauses, tenant, now)
        for words in clauses:
            if (asked := _ADDRESS.found(words)) and (
                answer := saying.address(self.told.facts, tenant.locale)
            ):
                yield _found("address", tenant.locale, answer, asked, words)
            for topic, ways in _PLAIN:
                if (answer := self.told.facts.get(topic, "")) and (asked := ways.found(words)):
                    if topic == "payment" and asked & _COST.found(words):
                        continue  # who pays the delivery asks not how
                    yield _found(topic, tenant.locale, answer, asked, words)

    def _hours(self, clauses: Sequence[Sequence[Word]], tenant: Tenant, now: datetime) -> Iterator[_Found]:
        """Those of each clause that asks for them; the week's once some day's are said says no more."""
        is_said = False
        for words in clauses:
            asked = _HOURS.found(words)
            if not tenant.hours or not asked or _DELIVERY.found(words):
                continue
            answer = saying.hours(tenant.hours, [word.written for word in words], tenant.locale, now)
            if answer and not (is_said and answer == saying.hours(tenant.hours, (), tenant.locale, now)):
                is_said = True
                yield _found("hours", tenant.locale, answer, asked, words)

    def _delivery(self, clauses: Sequence[Sequence[Word]], locale: str) -> Iterator[_Found]:
        """Where, what it costs and how long it takes: what of it is asked for, as one answer."""
        asked: dict[str, set[int]] = {}
        about: list[Word] = []
        is_asked = False
        for words in clauses:
            named = _DELIVERY.found(words)
            if (
                not named
                and not _ADDRESS.found(words)
                and _SHOWN.isdisjoint([each.written for each in words])
            ):
                named = _REACH.found(words)
            if arrival := _ARRIVAL.found(words):
                asked.setdefault("delivery.time", set()).update(arrival)
                named = named or arrival
            goes_on = is_asked and sum(word.is_content for word in words) <= 2
            if not named and not goes_on:
                continue
            is_asked = True
            about.extend(words)
            cost, time = _cost_and_time(words)
            if cost:
                asked.setdefault("delivery.cost", set()).update(cost | named)
            if time and cost.isdisjoint(time):
                asked.setdefault("delivery.time", set()).update(time | named)
            if named and not cost and not time and not arrival and not _PAYMENT.found(words):
                asked.setdefault("delivery.where", set()).update(named)
        names = [name for name in ("delivery.where", "delivery.cost", "delivery.time") if name in asked]
        said = [self.told.facts[name] for name in names if name in self.told.facts]
        if said:
            places = set[int]().union(*asked.values())
            yield _found("delivery", locale, " ".join(said), places, about)

    def _questions(self, clauses: Sequence[Sequence[Word]]) -> Iterator[_Found]:
        """The tenant's own questions that the text, or a clause of it, asks."""
        whole = [word for words in clauses for word in words]
        parts = [words for words in clauses if words]
        best: dict[int, _Found] = {}
        left = _SCORED
        joined = [words for each in parts for words in _by_and(each)]
        for words in (whole, *parts, *joined) if len(parts) > 1 else (whole, *joined):
            if words in joined and not best:
                continue  # of one thing that is asked more may be: "la instalan? y dan garantía"
            total = sum(self._weight(word) for word in words)
            having = _by_keys(words)
            for place in self._candidates(words, left):
                left -= 1
                wording = self._wordings[place]
                score, places = _score(wording, having, total)
                known = best.get(wording.question)
                if score >= _FITS and (known is None or score > known.known.score):
                    best[wording.question] = _asked(self.told.questions[wording.question], score, places)
        found = list(best.values())
        asked = [each for each in found if not any(each.places < other.places for other in found)]
        yield from asked or self._spoken_of(whole)

    def _spoken_of(self, words: Sequence[Word]) -> Iterator[_Found]:
        """The question of which the text has two words at least: "arriendan betoneras"."""
        content = {word.keys: word.place for word in words if word.is_content}
        yield from self._done(words, len(content))
        if not 2 <= len(content) <= _TOLERATED:
            return
        met = defaultdict[int, set[int]](set)
        for keys, place in content.items():
            for number in {number for key in keys for number in self._spoken.get(key, ())}:
                met[number].add(place)
        number, places = max(met.items(), key=lambda each: (len(each[1]), -each[0]), default=(0, set()))
        others = sum(len(each) == len(places) for each in met.values()) - 1
        worded = sum(self._is_worded(number, keys) for keys, place in content.items() if place in places)
        heard = sum(1.0 if any(key in self._spoken for key in keys) else 0.5 for keys in content)
        counts = any(word.written[0].isdigit() for word in words)
        mostly = worded >= 2 and len(places) * 2 >= heard and not counts
        mostly = (
            mostly
            or len(places) * 3 >= len(content) * 2
            or (len(places) >= 3 and len(places) * 2 >= len(content))
        )
        if len(places) >= 2 and mostly and not others and worded:
            yield _asked(self.told.questions[number], _SPOKEN_OF, frozenset(places))

    def _done(self, words: Sequence[Word], content: int) -> Iterator[_Found]:
        """The one question of what the shop does, where no more is said: "¿lo muelen?"."""
        done = [word for word in words if word.is_content and word.written.endswith(("an", "en"))]
        verbs = [key for word in done for key in word.keys if key.startswith("~")]
        asked = {self._wordings[place].question for key in verbs for place in self._having.get(key, ())}
        if content == len(done) == 1 and len(asked) == 1:
            yield _asked(self.told.questions[asked.pop()], _FITS, frozenset({done[0].place}))

    def _is_worded(self, number: int, keys: frozenset[str]) -> bool:
        """Whether a wording of the question has the word, and not its answer alone."""
        places = {place for key in keys for place in self._having.get(key, ())}
        return any(self._wordings[place].question == number for place in places)

    def _weight(self, word: Word) -> float:
        if not word.is_content:
            return _LIGHT
        return 1.0 if any(key in self._having for key in word.keys) else _UNKNOWN

    def _candidates(self, words: Iterable[Word], most: int) -> list[int]:
        """The wordings that have a word of these, those of rare words first."""
        keys = {key for word in words if word.is_content for key in word.keys if key in self._having}
        found: dict[int, None] = {}
        for key in sorted(keys, key=lambda key: len(self._having[key])):
            if len(found) >= most:
                break
            found.update(dict.fromkeys(self._having[key][: most - len(found)]))
        return list(found)


def _cost_and_time(words: Sequence[Word]) -> tuple[set[int], set[int]]:
    """By which words what it costs and how long it takes is asked; "el envío cuánto" asks for the cost."""
    cost, time = _COST.found(words), _TIME.found(words)
    if not cost and not _ARRIVAL.found(words):
        alone = _COST_ALONE.found(words) - time
        cost = alone if any(word.written in _HOW_MUCH and word.place in alone for word in words) else cost
    return cost, time


def _spoken(questions: Sequence[Question]) -> Mapping[str, set[int]]:
    """Which questions have a word, in a wording or in the answer."""
    having = defaultdict[str, set[int]](set)
    for number, question in enumerate(questions):
        for written in (question.question, *question.wordings, question.answer[:_ANSWERED]):
            for word in words_of(written)[:_WORDED]:
                for key in word.keys if word.is_content else ():
                    having[key].add(number)
    return having


def _wording(question: int, words: Sequence[Word]) -> _Wording:
    content = dict.fromkeys(word.keys for word in words if word.is_content)
    rest = dict.fromkeys(word.keys for word in words if not word.is_content)
    return _Wording(question, tuple(content), tuple(keys for keys in rest if keys not in content))


def _by_and(words: Sequence[Word]) -> list[list[Word]]:
    """The parts that an "and" joins; none where none does."""
    parts: list[list[Word]] = [[]]
    for word in words:
        if word.written in ("y", "e", "and"):
            parts.append([])
        else:
            parts[-1].append(word)
    return parts if len(parts) > 1 else []


def _by_keys(words: Iterable[Word]) -> dict[str, list[int]]:
    """The places of the words, by what they may mean."""
    places = defaultdict[str, list[int]](list)
    for word in words:
        for key in word.keys:
            places[key].append(word.place)
    return places


def _score(
    wording: _Wording, having: Mapping[str, Sequence[int]], total: float
) -> tuple[float, frozenset[int]]:
    """How surely the words ask this, and by which of them: what both have, in all that both have."""
    used = set[int]()
    content, rest = (_met(each, having, used) for each in (wording.content, wording.rest))
    places, met = frozenset(content), len(content) + _LIGHT * len(rest)
    score = 2 * met / (wording.total + total) if total else 0.0
    if len(places) >= 2 and met > wording.total - 0.5:  # all of it, among other words
        score = max(score, 0.65)
    return (score if places else 0.0), places


def _met(asked: Iterable[frozenset[str]], having: Mapping[str, Sequence[int]], used: set[int]) -> list[int]:
    """The places of the words that mean these, each word used once."""
    found = []
    for keys in asked:
        meant = (place for key in keys for place in having.get(key, ()))
        place = next((each for each in meant if each not in used), None)
        if place is not None:
            used.add(place)
            found.append(place)
    return found


def _asked(question: Question, score: float, places: frozenset[int]) -> _Found:
    return _Found(
        Known(question.question, question.answer, "question", "", min(round(score, 3), 1.0)), places
    )


def _found(topic: Topic, locale: str, answer: str, asked: Iterable[int], words: Sequence[Word]) -> _Found:
    places = frozenset(asked)
    content = {word.place for word in words if word.is_content}
    share = len(content & places) / len(content) if content else 1.0
    question = saying.question(topic, locale)
    return _Found(Known(question, answer, "fact", topic, round(_FITS + 0.35 * share, 3)), places)


def _is_under_way(clauses: Iterable[Sequence[Word]]) -> bool:
    """Whether somebody speaks of what they bought or paid already: a person has to look."""
    for words in clauses:
        for before, word in pairwise(words):
            if before.written in _OWN and word.keys & _UNDER_WAY:
                return True
        if any(bare(word.written) in _DONE for word in words):
            return True
    return False
