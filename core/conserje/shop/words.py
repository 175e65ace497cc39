"""Words by what they mean: their stem and their sound, without accents and without what makes them small."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import lru_cache

import Stemmer  # type: ignore[import-not-found]

from conserje.contract.opt_out import bare

WORD = re.compile(r"[^\W_]{1,40}")  # in composed letters (NFC); a longer word is none

_STEMMER = Stemmer.Stemmer("spanish")
_STEMMING = threading.Lock()  # it keeps the word that it is at
_SMALL = (
    re.compile(r"(?<=...)ecit[oa]s?$"),
    re.compile(r"(?<=...)cit[oa]s?$"),
    re.compile(r"(?<=...)it(?=[oa]s?$)"),
)
_BLOW = re.compile(r"([a-z]{4,16})azos?")  # "pinchazo" of what "se pinchó"
_DOING = re.compile(r"(?<=....)[ai]cion(?:es)?$")  # of what is done: "instalaciones" has what "instalan" has
# Forms of a verb that are told of what somebody does, or is asked to: "arman", "armamos", "armanos".
_VERB = re.compile(
    r"([a-z]{2,16}?)(?:[aei]mos|[ae]n|[aei]r|[ae]ndo)(?:me|nos|l[aeo]s?)?|([a-z]{3,16}?)[ae](?:nos|me)"
)
_SOUNDS = (
    (re.compile(r"gu$|gu(?=[ei])"), "g"),
    (re.compile(r"qu"), "k"),
    (re.compile(r"(?<!c)h"), ""),
    (re.compile(r"c(?=[ei])|z"), "s"),
    (re.compile(r"c(?!h)"), "k"),
    (re.compile(r"ll"), "y"),
    (re.compile(r"v"), "b"),
    (re.compile(r"m(?=[bp])"), "n"),
)

# What shops are asked in several words: the words of a line mean the same.
_SAME = """
despacho despachan despachar envio envian enviar reparto reparten delivery domicilio entrega entregan entregar
  shipping ship deliver frete entregam entregas
pago pagar pagan pagos pagamento payment pay paying pague
abre abren abierto abiertos abrir abrira abriran aberto open opens opening abrem apertura
cierra cierran cerrado cerrados cierre cerrar fecham fechado close closed closing
atienden atiende atencion atender atendiendo atendimento trabajan funcionan funcionamento funciona
local tienda sucursal negocio shop store loja showroom locales
tarjeta debito credito cartao card cards tarjetas
devolver devolucion devoluciones devuelvo devuelve devuelven cambio cambiar cambios return returns
  refund reembolso troca trocar devolucao
boleta factura boletas facturas invoice receipt facturan
estacionamiento estacionar parking estacionamento
descuento descuentos promocion promociones promo oferta ofertas rebaja discount desconto
mascota mascotas pet pets
instala instalan instalar instalacion coloca colocan colocar pone ponen poner montan montar
arregla arreglan arreglar repara reparan reparar reparacion mantiene mantienen mantener mantencion
  mantenimiento componen componer
arrienda arriendan arrendar arriendo alquila alquilan alquilar alquiler rent rental alugam aluguel
curso cursos taller talleres clase clases
demora demoran demoraria tarda tardan tardaria tardanza
"""


_OF_THE_DAY = frozenset({"tarde", "tardes"})  # "buenas tardes" asks not how long it takes


def sound(word: str) -> str:
    """How a word without accents sounds."""
    for pattern, replacement in _SOUNDS:
        word = pattern.sub(replacement, word)
    return word


@lru_cache(maxsize=20_000)
def meanings(word: str) -> frozenset[str]:
    """What a word in lower case may mean; two words mean the same where these meet."""
    if word in _OF_THE_DAY:
        return _OF_THE_DAY
    return frozenset(_GROUPS.get(key, key) for key in _keys(word))


def _keys(word: str) -> Iterator[str]:
    plain = bare(word)
    for form in {word, plain, *_larger(plain), *_spoken(plain)}:
        if form.isdigit():
            yield form
            continue
        with _STEMMING:
            stem = _STEMMER.stemWord(form)
        yield sound(bare(stem))
    if verb := _VERB.fullmatch(plain):
        yield f"~{sound((verb[1] or verb[2]).replace('ue', 'o').replace('ie', 'e'))}"
    if (root := _DOING.sub("", plain)) != plain:
        yield sound(root)


def _spoken(word: str) -> Iterator[str]:
    """As it is written, where it is typed as it is said: "fileteao"."""
    if len(word) > 4 and word.endswith(("ao", "aos")):
        yield word.replace("ao", "ado")


def _larger(word: str) -> Iterator[str]:
    """What a diminutive may come from: of "cafecito" also "cafe"."""
    for small in _SMALL:
        larger = small.sub("", word)
        if larger != word:
            yield larger
    if blow := _BLOW.fullmatch(word):
        yield f"{blow[1]}o"


def _grouped() -> dict[str, str]:
    groups: dict[str, str] = {}
    for line in _SAME.replace("\n  ", " ").split("\n"):
        words = line.split()
        for word in words:
            for key in _keys(word):
                groups[key] = f"={words[0]}"
    return groups


_GROUPS = _grouped()
