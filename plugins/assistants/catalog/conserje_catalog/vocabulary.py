"""What contacts in Chile write when they ask a shop for something."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_GREETINGS = _listed("hola holi holas ola wena wenas buen buena buenas buenos alo hey hello hi saludos oye")
_THANKS = _listed("gracias grax agradecido agradecida agradezco")
_CLOSINGS = _listed("ok oka okey ya dale listo super perfecto bacan genial no nada")
_FAREWELLS = _listed("chao chau adios bye nos hasta")
_SMALL_TALK = _listed("""
    loco loca compa compadre amigo amiga amigos hermano hermana perro po poh pues que tal como estas estai
    esta va andai onda mas dia dias tarde tardes noche noches wn weon todo todos bien muy y ya a la lo los
    por aca ahi te tu ti su usted ustedes igual muchas mucha mil super listo vemos luego pronto manana me
    voy eso es era no nada de el esa ese este vale
""")
_PRICE = _listed("precio precios cuanto kuanto cuanta cuesta cuestan vale valen valor valores sale salen")
_STOCK = _listed("stock queda quedan cuantos cuantas disponible disponibles disponibilidad unidades")
_FOLLOW_UP = (_PRICE | _STOCK) - {"vale", "sale"}  # alone these two say yes
_ASKING = _listed("""
    tienes tiene tienen teni tenis tenes tendras tendran hay venden vendes vende vendi vendis quiero kiero
    queria quisiera busco buscando buscaba necesito dame comprar llevar
""").union(_PRICE, _STOCK)
_YES = _listed(
    "si sip sipo claro obvio interesa llevo compro comprar comprarlo comprarla quiero kiero dale ya"
)
_WORD = re.compile(r"[a-z0-9]+")
_CHAT = _GREETINGS | _THANKS | _CLOSINGS | _FAREWELLS | _SMALL_TALK

_STAFF = (
    r"(?:personas?|humanos?|humana|alguien|vendedora?|ejecutiv[oa]|encargad[oa]|duen[oa]|asesora?|agente)\b"
)
_PERSON = re.compile(
    r"(?<!\bno )(?<!\bno quiero )\b(?:"
    r"(?:habl(?:ar|o|ame|arle)|convers\w+|ati?end\w+|contact\w+|comuni\w+|pas(?:ar|ame|eme)|deriv\w+|llam[ae]\w*)"
    r"(?:\W+\w+){0,3}?\W+"
    + _STAFF
    + r"|(?:quiero|necesito) (?:a )?(?:un |una )?"
    + _STAFF
    + r"|persona real\b|ser humano\b)"
)
_CATALOGUE = re.compile(
    r"\b(?:catalogo|menu|lista de (?:productos|precios)|(?:que|sus|los|tus) (?:productos|categorias))\b"
    r"|\bque (?:cosas |mas |otras cosas )?"
    r"(?:tienes|tiene|tienen|teni|tenis|hay|venden|vendes|vende|vendi|vendis|ofrecen)"
    r"(?: (?:para vender|a la venta|ahi|aca|hoy|disponible|po))*\s*(?:[?!.]|$)",
    re.MULTILINE,
)
_WHO = re.compile(r"\b(?:quien(?:es)? (?:eres|son)|con quien hablo|eres un (?:bot|robot)|como te llamas)\b")


class Asked:
    """What a contact wrote, as this assistant reads it."""

    def __init__(self, text: str) -> None:
        self._text = "".join(map(_bare, text.lower()))
        self._words = _WORD.findall(self._text)
        self._said = frozenset(self._words)

    @property
    def has_words(self) -> bool:
        return any(word.isalpha() for word in self._words)

    @property
    def is_emoji(self) -> bool:
        """Whether it is signs alone, and a picture among them."""
        return not any(map(str.isalnum, self._text)) and any(
            unicodedata.category(sign) == "So" for sign in self._text
        )

    @property
    def is_short(self) -> bool:
        """Whether it may be the name of something."""
        return len(self._said - _CHAT) in (1, 2)

    @property
    def topic(self) -> str:
        return "precio" if self._said & _PRICE else "stock" if self._said & _STOCK else "producto"

    @property
    def asks(self) -> bool:
        return bool(self._said & _ASKING)

    @property
    def names_nothing(self) -> bool:
        return self._said <= _ASKING | _CHAT

    @property
    def follows_up(self) -> bool:
        """Whether this asks for price or stock and names nothing: "¿y cuánto cuesta?"."""
        return bool(self._said & _FOLLOW_UP) and self.names_nothing

    @property
    def agrees(self) -> bool:
        return bool(self._said & _YES) and self._said <= _YES | _ASKING | _CHAT and "no" not in self._said

    @property
    def wants_person(self) -> bool:
        return bool(_PERSON.search(self._text))

    @property
    def wants_catalogue(self) -> bool:
        return bool(_CATALOGUE.search(self._text))

    @property
    def wants_to_know_who(self) -> bool:
        return bool(_WHO.search(self._text))

    @property
    def begins_with_hello(self) -> bool:
        return bool(self._words) and self._words[0] in _GREETINGS

    @property
    def greets(self) -> bool:
        return self._chats_with(_GREETINGS)

    @property
    def thanks(self) -> bool:
        return self._chats_with(_THANKS)

    @property
    def takes_leave(self) -> bool:
        return self._chats_with(_FAREWELLS)

    @property
    def closes(self) -> bool:
        return self._chats_with(_CLOSINGS)

    def _chats_with(self, words: frozenset[str]) -> bool:
        return self._said <= _CHAT and bool(self._said & words)


@lru_cache(maxsize=4096)
def _bare(letter: str) -> str:
    """By itself: in a text, Unicode sorts the accents that stand together, each past all others."""
    return "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
