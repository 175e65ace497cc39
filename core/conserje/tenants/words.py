"""What contacts and the tenant's people are told by Conserje itself, in the tenant's language."""

from __future__ import annotations

from typing import NamedTuple


class Confirmation(NamedTuple):
    """What a contact is told of an opt-out or its end, and by which word it can be changed."""

    done: str
    way_back: str
    word: str


class Mail(NamedTuple):
    """A mail to the tenant's people; the names in braces are the notice's."""

    subject: str
    text: str


class LeadMail(NamedTuple):
    """A mail of a lead, and what stands before its phone and its time."""

    subject: str
    text: str
    phone: str
    when: str


PASSED_ON = {
    "es": "Te comunico con una persona de nuestro equipo: te va a escribir por aquí.",
    "pt": "Vou te passar para uma pessoa da nossa equipe: ela vai escrever por aqui.",
    "en": "I'll pass you on to somebody from our team: they will write to you here.",
}  # to who wishes for a person

PUSHED = {
    "es": ("1 conversación te espera.", "{count} conversaciones te esperan."),
    "pt": ("1 conversa espera por você.", "{count} conversas esperam por você."),
    "en": ("1 conversation waits for you.", "{count} conversations wait for you."),
}  # what a person's browser shows while no page is open

NOT_PUSHED = {
    "es": "Tu sesión terminó aquí. Entra otra vez para que te avisemos.",
    "pt": "Sua sessão terminou aqui. Entre de novo para receber avisos.",
    "en": "You are signed out here. Sign in again to be told.",
}  # as the last thing

YES = {"es": "Sí", "pt": "Sim", "en": "Yes"}  # what a thumb says to a question

WANTS_NO_MORE = {
    "es": "¿No quieres recibir más mensajes? Responde SÍ.",
    "pt": "Não quer mais receber mensagens? Responda SIM.",
    "en": "Do you want no more messages? Answer YES.",
}  # to who says so in a voice note, which may be misheard

TOO_LONG = {
    "es": "Tu audio dura más de 3 minutos y no lo alcanzo a escuchar. ¿Me lo escribes en pocas palabras?",
    "pt": "Seu áudio tem mais de 3 minutos e não consigo ouvi-lo. Pode me escrever em poucas palavras?",
    "en": "Your voice note is longer than 3 minutes, and I cannot hear it. Could you write it shortly?",
}

UNCLEAR = {
    "es": "No logré entender tu audio. ¿Me lo puedes escribir?",
    "pt": "Não consegui entender seu áudio. Pode me escrever?",
    "en": "I could not understand your voice note. Could you write it to me?",
}

ORDERED = {
    "es": "¡Gracias por tu pedido! Una persona de nuestro equipo te va a escribir por aquí para confirmarlo.",
    "pt": "Obrigado pelo pedido! Uma pessoa da nossa equipe vai escrever por aqui para confirmar.",
    "en": "Thank you for your order! Somebody from our team will write to you here to confirm it.",
}  # to who sent a basket

LATE = {
    "es": "Disculpa la demora en responderte.",
    "pt": "Desculpe a demora em responder.",
    "en": "Sorry for the late reply.",
}

LATE_PASSED_ON = {
    "es": "Disculpa la demora en responderte. Una persona de nuestro equipo te va a escribir por aquí.",
    "pt": "Desculpe a demora em responder. Uma pessoa da nossa equipe vai escrever por aqui.",
    "en": "Sorry for the late reply. Somebody from our team will write to you here.",
}

OPTED_OUT = {
    "es": Confirmation("Listo, no te escribiremos más.", " Si cambias de idea, escribe ALTA.", "alta"),
    "pt": Confirmation("Pronto, não vamos mais escrever.", " Se mudar de ideia, escreva VOLTAR.", "voltar"),
    "en": Confirmation(
        "Done: we will not write to you again.", " If you change your mind, write START.", "start"
    ),
}

OPTED_IN = {
    "es": Confirmation(
        "Listo, te volveremos a responder por aquí.", " Para no recibir más, escribe BAJA.", "baja"
    ),
    "pt": Confirmation(
        "Pronto, voltamos a responder por aqui.", " Para não receber mais, escreva SAIR.", "sair"
    ),
    "en": Confirmation(
        "Done: we will answer you here again.", " To get no more messages, write STOP.", "stop"
    ),
}

NOBODY = {
    "es": ("Aquí no hay nadie", "Aquí no hay nadie. Revisa la dirección: puede que le falte una letra."),
    "pt": ("Não há ninguém aqui", "Não há ninguém aqui. Confira o endereço: talvez falte uma letra."),
    "en": ("Nobody is here", "Nobody is here. Look at the address again: a letter may be missing."),
}  # a page's title and text, at a host that is no tenant's

WAITING_MAIL = {
    "es": Mail(
        "{who} espera a una persona de {tenant}",
        "{who} ({address}) escribió por {channel} a {account} y espera que le responda una persona.\n"
        "Lo último que escribió:\n\n{said}\n\n{reason}"
        "Mientras tanto el asistente no contesta. Para responder:\n\n    {command}\n",
    ),
    "pt": Mail(
        "{who} espera uma pessoa de {tenant}",
        "{who} ({address}) escreveu por {channel} para {account} e espera a resposta de uma pessoa.\n"
        "O que escreveu por último:\n\n{said}\n\n{reason}"
        "Enquanto isso o assistente não responde. Para responder:\n\n    {command}\n",
    ),
    "en": Mail(
        "{who} waits for a person of {tenant}",
        "{who} ({address}) wrote by {channel} to {account} and waits for a person's answer.\n"
        "What they wrote last:\n\n{said}\n\n{reason}"
        "Meanwhile the assistant is silent. To answer:\n\n    {command}\n",
    ),
}

REASON = {"es": "Motivo: {reason}\n", "pt": "Motivo: {reason}\n", "en": "Reason: {reason}\n"}

ILL_MAIL = {
    "es": Mail(
        "{tenant} no puede responder por {channel}",
        "{channel} no acepta los mensajes de {account}:\n\n> {cause}\n\n"
        "Las respuestas quedan guardadas y salen en cuanto esto se arregle. Luego:\n\n    {command}\n",
    ),
    "pt": Mail(
        "{tenant} não consegue responder por {channel}",
        "{channel} não aceita as mensagens de {account}:\n\n> {cause}\n\n"
        "As respostas ficam guardadas e saem assim que isto for resolvido. Depois:\n\n    {command}\n",
    ),
    "en": Mail(
        "{tenant} cannot answer by {channel}",
        "{channel} does not take the messages of {account}:\n\n> {cause}\n\n"
        "The answers are kept, and leave once this is mended. Then:\n\n    {command}\n",
    ),
}

# That a month's bound of money is near, and that it is reached.
BOUND_MAIL = {
    "es": Mail(
        "{tenant}: se ha gastado el {percent} % del límite del mes",
        "Las respuestas de {tenant} han costado US$ {spent} este mes, de un límite de US$ {bound}.\n\n"
        "En qué:\n\n    {command}\n",
    ),
    "pt": Mail(
        "{tenant}: {percent} % do limite do mês foi gasto",
        "As respostas de {tenant} custaram US$ {spent} neste mês, de um limite de US$ {bound}.\n\n"
        "Em quê:\n\n    {command}\n",
    ),
    "en": Mail(
        "{tenant}: {percent} % of the month's bound is spent",
        "The answers of {tenant} have cost US$ {spent} this month, of a bound of US$ {bound}.\n\n"
        "On what:\n\n    {command}\n",
    ),
}
OVER_BOUND_MAIL = {
    "es": Mail(
        "{tenant} ha llegado al límite de gasto del mes",
        "Las respuestas de {tenant} han costado US$ {spent} este mes, de un límite de US$ {bound}."
        " Hasta fin de mes responde el asistente de reserva, sin modelo.\n\nEn qué:\n\n    {command}\n",
    ),
    "pt": Mail(
        "{tenant} chegou ao limite de gasto do mês",
        "As respostas de {tenant} custaram US$ {spent} neste mês, de um limite de US$ {bound}."
        " Até o fim do mês responde o assistente de reserva, sem modelo.\n\nEm quê:\n\n    {command}\n",
    ),
    "en": Mail(
        "{tenant} has reached the month's bound",
        "The answers of {tenant} have cost US$ {spent} this month, of a bound of US$ {bound}."
        " Until it ends the fallback assistant answers, without a model.\n\nOn what:\n\n    {command}\n",
    ),
}

LEAD_MAIL = {
    "es": LeadMail(
        "{who} quiere: {wanted}",
        "{who} ({address}) escribió por {channel} a {account}. Quiere:\n\n> {wanted}\n\n{more}"
        "Para responder:\n\n    {command}\n\nCuando esté listo:\n\n    {close}\n",
        "Teléfono",
        "Cuándo",
    ),
    "pt": LeadMail(
        "{who} quer: {wanted}",
        "{who} ({address}) escreveu por {channel} para {account}. Quer:\n\n> {wanted}\n\n{more}"
        "Para responder:\n\n    {command}\n\nQuando estiver pronto:\n\n    {close}\n",
        "Telefone",
        "Quando",
    ),
    "en": LeadMail(
        "{who} wants: {wanted}",
        "{who} ({address}) wrote by {channel} to {account}, and wants:\n\n> {wanted}\n\n{more}"
        "To answer:\n\n    {command}\n\nOnce it is done:\n\n    {close}\n",
        "Phone",
        "When",
    ),
}

# What follows in a mail where others wait, too.
WAITING_TOO = {
    "es": Mail(
        " (y {more} más)",
        "\nEsperan también {more} más:\n\n{listed}\n\n"
        "Todas: conserje conversation list {slug} --with-person\n",
    ),
    "pt": Mail(
        " (e mais {more})",
        "\nEsperam também mais {more}:\n\n{listed}\n\n"
        "Todas: conserje conversation list {slug} --with-person\n",
    ),
    "en": Mail(
        " (and {more} more)",
        "\n{more} more wait, too:\n\n{listed}\n\nAll: conserje conversation list {slug} --with-person\n",
    ),
}
