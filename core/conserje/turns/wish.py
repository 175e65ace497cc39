"""The wish for a person: how contacts say it in Spanish, Portuguese and English, and what they are told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from conserje.contract.assistant import Reply, Tenant
from conserje.contract.hours import here
from conserje.contract.language import in_language
from conserje.contract.message import Content, Media, Pressed, Text
from conserje.contract.opt_out import folded
from conserje.shop import saying
from conserje.tenants import words

ASSISTANT = "hand-over"  # in whose name the turn is kept

READ = 2000  # characters: who writes more tells a story


def _any(listed: str) -> str:
    """One of these patterns; a `_` stands for a space."""
    return "(?:" + "|".join(listed.split()).replace("_", " ") + ")"


# All that follows is matched against folded words: no accents, no signs, one space between them.
_PLEASES = "por_?favor(?:cito)? porfa(?:vor)? porfis xfa please pls plz gracias obrigad[oa] thanks thank_you"
_PLEASE = _any(_PLEASES)
_GREETED = (
    "(?:"
    + _any(
        "hola buen[oa]s? dias? tardes? noches? alo si y e entonces mejor solo oi ola bom boa dia tarde noite"
        " sim hi hello hey ok yes please por_favor porfa"
    )
    + " ){0,4}"
)
_TAIL = (
    "(?: "
    + _any(
        f"{_PLEASES} real humano humana ahora ya urgente agora now aqui here de_verdad de_carne_y_hueso"
        " de_ustedes (?:del|de_su|de_tu|da|do)_(?:equipo|equipe|local|tienda|loja)"
    )
    + ")*+$"  # possessive: "porfavor" is two of these words, and many would be tried in all combinations
)

# Spanish: the will, what may stand between, the talking, whose, those who are talked to.
_ES_WILL = _any(
    "k?quiero kiero quisiera(?:mos)? queria queremos necesit(?:o|amos|aria) nesesito ocupo puedo podemos"
    " podria(?:mos)? se_(?:puede|podra|podria) me_gustaria prefiero preferiria deseo deseamos desearia"
    " (?:es|seria)_posible hay_(?:forma|manera|posibilidad|como)(?:_de)? tengo_que exijo intento solicito"
    " como_(?:hago|puedo|le_hago)(?:_para)?"
)
_ES_BETWEEN = (
    "(?: "
    + _any("poder me ya ahora mejor directamente directo seguir volver_a tambien por_favor porfa")
    + ")*"
)
_ES_TALK = _any(
    "h?ablar(?:le)? convers?ar comunicar(?:me|nos) contactar(?:me|nos)? chatear platicar charlar"
    " ser_atendid[oa] transferirme derivarme"
    " que_me_(?:comunique|pase|conecte|derive|transfiera|atienda|contacte)n?"
)
_ES_WHOSE = (
    "(?:"
    + _any(
        "una? unos unas el la los las algun[oa]?s? otr[oa] su sus tu tus mi cualquier es[ae] es[ao]s"
        " (?:alguno|uno)_de_(?:sus|los|tus)"
    )
    + " )?"
)
_ES_WHO = (
    _any(
        r"personas? personal ser_humano seres_humanos human[oa]s? gente alguien ejecutiv[oa]s?"
        r" (?:asesor|vendedor|operador|supervisor|administrador)(?:a|es|as)? agentes? encargad[oa]s?"
        r" representantes? duen[oa]s? gerentes? recepcionista soporte (?:atencion|servicio)_al_cliente"
    )
    + r"\b"
)
_ES_HELP = _any(
    "atiendan? atender(?:me|nos)? llamen? llamar(?:me|nos)? contacten? contactar(?:me|nos) respondan?"
    " responder(?:me)? contesten? ayuden? ayudar(?:me|nos)? hablen? escriban? escribirme asesoren? asesorarme"
)
_ES_HAND_ME = _any(
    "pon(?:me|gan?me) pas[ae]n?me (?:comunica|comuniquen?)(?:me|nos) (?:conect|deriv)[ae]n?(?:me|nos)"
    " transfi[ea]r[ea]n?me contact[ae]n?me me_(?:pas|comunic|conect|deriv)a[ns]?"
    " me_(?:transfiere|contacta)[ns]?"
    " (?:me_)?(?:puede|podria)[ns]?_(?:pasar|comunicar|conectar|derivar|transferir|contactar)(?:me)?"
)

# Portuguese.
_PT_WILL = _any(
    "quero queria queremos gostaria(?:_de)? gostariamos_de precis(?:o|ava)(?:_de)? posso podemos poderia"
    " podia prefiro desejo consigo tem_como da_(?:pra|para) (?:e|seria)_possivel como_faco_(?:pra|para)"
)
_PT_TALK = (
    "(?: "
    + _any("eu poder agora me ja por_favor")
    + ")* "
    + _any("falar conversar comunicar entrar_em_contato ser_atendid[oa]")
)
_PT_WHOSE = "(?:" + _any("um uma o a algum alguma outro outra seu sua") + " )?"
_PT_WHO = _any(
    "pessoas? human[oa]s? ser_humano atendentes? agentes? alguem gente"
    " (?:vendedor|consultor|operador|assessor)a? gerente representante responsavel"
    " funcionari[oa] don[oa] suporte"
) + r"\b"  # fmt: skip
_PT_HAND_ME = _any(
    "me_(?:pass[ae]m?|transfere|transfira|encaminh[ae]|conecta|coloca) passa transfere"
    " (?:pode|poderia|podem)(?:_me)?_(?:passar|transferir|encaminhar|conectar)(?:_me)?"
)

# English. "I'd" is folded to "i d".
_EN_WILL = (
    _any(
        "(?:can|could|may|might)_(?:i|we)(?:_please)? let_me is_it_possible how_(?:can|do)_i"
        " (?:i|we)(?:_(?:d|would|really|just|still))*_(?:want|wanna|need|like|love|prefer|wish|have)"
    )
    + "(?: "
    + _any("to please just get be_able_to")
    + ")*"
)
_EN_TALK = "(?:talk|speak|chat|talking|speaking|connected|transferred|in touch)(?: directly)? (?:to|with)"
_EN_WHOSE = (
    "(?:(?:a|an|the|some|your|another|any|one of your) )?(?:(?:real|live|actual|human|customer|support) )*"
)
_EN_WHO = _any(
    "person people humans? human_being agents? someone somebody anyone representatives? rep operator"
    " advis[oe]r manager owner salesperson seller staff team_member customer_(?:service|care) support"
) + r"\b"  # fmt: skip
_EN_HAND_ME = (
    "(?:(?:can|could|would) you )?(?:please )?(?:connect|transfer|put|pass|get|forward)(?: me)?"
    "(?: (?:through|over|on))? (?:to|with)"
)

_WISHES = (
    rf"{_ES_WILL}{_ES_BETWEEN} {_ES_TALK}(?: \w+)? (?:con|a|por) {_ES_WHOSE}{_ES_WHO}",
    rf"(?:{_ES_WILL} )?que (?:me|nos) (?:pueda )?{_ES_HELP} {_ES_WHOSE}{_ES_WHO}",
    rf"(?:me )?(?:puede|podria)[ns]? {_ES_HELP} (?!alguien){_ES_WHOSE}{_ES_WHO}",
    rf"{_ES_WILL}(?: a)? (?:una?|algun|alguna|otr[oa]) {_ES_WHO}{_TAIL}",
    rf"{_ES_HAND_ME}(?: \w+)? (?:con|a|por) {_ES_WHOSE}{_ES_WHO}",
    rf"(?:hay|habra|tienen|esta) (?:una?|algun|alguna) {_ES_WHO}(?: real)? "
    r"(?:disponible|conectad[oa]|ahi|con (?:quien|la que|el que)"
    rf"|que (?:me )?(?:pueda )?{_ES_HELP})",
    rf"sino (?:con|a|que con) {_ES_WHOSE}{_ES_WHO}",
    rf"(?:atencion|ayuda|soporte|asistencia) (?:de|con|por) (?:una?|algun|alguna) {_ES_WHO}",
    r"(?:atencion|ayuda|soporte|asistencia|asesor|agente|ejecutivo|operador) human[oa]|persona real",
    rf"{_PT_WILL}{_PT_TALK}(?: \w+)? (?:com|por) {_PT_WHOSE}{_PT_WHO}",
    rf"{_PT_WILL} (?:um|uma|algum|alguma) {_PT_WHO}{_TAIL}",
    rf"{_PT_HAND_ME} (?:para|pra|pro|com|a) {_PT_WHOSE}{_PT_WHO}",
    r"(?:atendimento|suporte|atendente|agente) human[oa]",
    rf"{_EN_WILL} {_EN_TALK} {_EN_WHOSE}{_EN_WHO}",
    rf"i(?: (?:d|would|really|just))* (?:want|need|prefer|like) (?:a|an|some|another|to have a) "
    rf"{_EN_WHOSE}{_EN_WHO}{_TAIL}",
    rf"{_EN_HAND_ME} {_EN_WHOSE}{_EN_WHO}",
    r"(?:is|are) there (?:a|an|any) (?:(?:real|live|actual|human) )*(?:person|human|agent)",
    r"human (?:agent|support|help|assistance|operator)|live (?:agent|person)",
)
_WISH = re.compile(rf"\b(?:{'|'.join(_WISHES)})")

# Right before the wish, it turns it round.
_LONGEST_NO = 20  # characters
_NO = re.compile(
    r"\b(?:(?:no|nao|sin|sem|ni|nem|nunca|jamas|not|never|without|dont|don t)"
    r"(?: (?:me|te|nos|lo|la|se|yo|eu))?"
    r"|no (?:quiero|necesito|me gustaria|hace falta|es necesario)|nao (?:quero|preciso)"
    r"|(?:not|don t|dont) (?:want|need)(?: a| any)?)$"
)

# The whole of what is written between two signs.
_SHORT_WISHES = (
    rf"(?:{_ES_TALK}|contacto|comunicacion) (?:con|a|por) {_ES_WHOSE}{_ES_WHO}{_TAIL}",
    rf"(?:falar|conversar) com {_PT_WHOSE}{_PT_WHO}{_TAIL}",
    rf"(?:(?:want|need|like) to )?(?:talk|speak|chat) (?:to|with) {_EN_WHOSE}{_EN_WHO}{_TAIL}",
    rf"(?:con )?(?:(?:una?|algun|alguna) )?{_ES_WHO} (?:real )?{_PLEASE}$",
    rf"(?:(?:um|uma|algum|alguma) )?{_PT_WHO} {_PLEASE}$",
    rf"(?:a |an )?(?:real |live |human )*(?:person|human|agent|representative|operator) {_PLEASE}$",
    r"(?:una? |um |uma |an? )?"
    + _any(
        "human[oa] ser_humano agente asesora? ejecutiv[oa] operadora? representante atendente"
        " pessoa_de_verdade persona_de_verdade human agent representative operator real_person"
    )
    + "$",
)
_SHORT_WISH = re.compile(rf"{_GREETED}(?:{'|'.join(_SHORT_WISHES)})")

# Each run of signs is looked at once, from its beginning.
_BEFORE_PLEASE = re.compile(rf"(?<![\s,.;:])[\s,.;:]++(?={_PLEASE}\b)", re.IGNORECASE)
_SIGNS = re.compile(r"[.,;:!?¡¿…\n()]+")


def wished(contents: Iterable[Content]) -> bool:
    """Whether one of these asks for a person to talk to."""
    return any(asks_for_person(_words(content)) for content in contents)


def asks_for_person(text: str) -> bool:
    """Whether `text` says that its writer wants to talk to a person, and not that they do not."""
    return any(_asks(folded(part)) for part in _SIGNS.split(_BEFORE_PLEASE.sub(" ", text[:READ])))


def _asks(words: str) -> bool:
    if _SHORT_WISH.match(words):
        return True
    return any(not _NO.search(_before(words, wish.start())) for wish in _WISH.finditer(words))


def _before(words: str, place: int) -> str:
    return words[max(place - _LONGEST_NO, 0) : place].rstrip()


def _words(content: Content) -> str:
    match content:
        case Text(text=words) | Media(caption=words) | Pressed(title=words):
            return words
        case _:
            return ""


def reply(tenant: Tenant, now: datetime) -> Reply:
    """What a contact is told who asked for a person, in the tenant's language; while it is closed, also when
    it opens."""
    said = in_language(words.PASSED_ON, tenant.locale)
    moment = here(now, tenant.time_zone)
    if tenant.hours and tenant.hours.now(moment) is None:
        said += " " + saying.state(tenant.hours, tenant.locale, moment)
    return Reply([Text(said)], intent="person", confidence=1.0, hand_over=True)
