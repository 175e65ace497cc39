"""What the page says of itself, in the tenant's language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language; what has {name} in it is formatted with the page's title."""

    lang: str
    greeting: str
    closed: str
    open_now: str
    closed_now: str
    log: str
    quick_answers: str
    write: str
    send: str
    you: str
    thinking: str
    sending: str
    offline: str
    unsent: str
    again: str
    refused: str
    too_many: str
    no_cookie: str
    own_tab: str
    privacy: str
    privacy_link: str
    no_script: str
    open_chat: str
    close_chat: str
    delivered: str
    read: str
    today: str
    yesterday: str
    one_new: str
    many_new: str
    assistant: str
    an_assistant: str
    called: str
    attended: str
    a_person: str
    attach: str
    to_shop: str
    record: str
    unwritten: str
    kind: str
    large: str
    key: str
    many: str
    a_file: str
    recording: str
    days: tuple[str, ...]  # Monday first
    opens_today: str
    opens_tomorrow: str
    opens_on: str
    closed_day: str


_SPANISH = Words(
    lang="es",
    greeting="¡Hola! ¿En qué te podemos ayudar?",
    closed="Ahora estamos cerrados. Déjanos tu mensaje y te respondemos cuando abramos.",
    open_now="Abierto ahora",
    closed_now="Cerrado ahora",
    log="Mensajes con {name}",
    quick_answers="Respuestas rápidas",
    write="Escribe un mensaje",
    send="Enviar",
    you="Tú",
    thinking="{name} está escribiendo…",
    sending="Enviando…",
    offline="Sin conexión, reintentando…",
    unsent="No se pudo enviar.",
    again="Reintentar",
    refused="Este mensaje no se puede enviar así.",
    too_many="Vas muy rápido: espera un momento antes de reintentar.",
    no_cookie="Tu navegador no guarda la sesión del chat, así que aquí no se puede enviar.",
    own_tab="Abrir el chat en su propia pestaña",
    privacy="Lo que escribes aquí lo recibe {name}, para responderte.",
    privacy_link="Privacidad",
    no_script="Para chatear aquí, activa JavaScript en tu navegador.",
    open_chat="Abrir el chat de {name}",
    close_chat="Cerrar el chat",
    delivered="Entregado",
    read="Leído",
    today="Hoy",
    yesterday="Ayer",
    one_new="1 mensaje nuevo",
    many_new="{count} mensajes nuevos",
    assistant="Te responde el asistente",
    an_assistant="Asistente",
    called="Avisamos a una persona, que te responderá aquí",
    attended="Te atiende {person}",
    a_person="una persona",
    attach="Adjuntar un archivo",
    to_shop="Ver en la tienda",
    record="Grabar un mensaje de voz",
    unwritten="Escribe primero un mensaje; después puedes enviar archivos.",
    kind="Aquí se pueden enviar fotos, PDF y mensajes de voz; este archivo es de otro tipo.",
    large="El archivo es demasiado grande: puede tener hasta 16 MB.",
    key="Este archivo ya no se puede enviar así: elígelo de nuevo.",
    many="Por hoy no se pueden enviar más archivos desde aquí.",
    a_file="Archivo",
    recording="Grabando: toca de nuevo para enviar, Escape para descartar",
    days=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    opens_today="abre hoy a las {time}",
    opens_tomorrow="abre mañana a las {time}",
    opens_on="abre el {day} a las {time}",
    closed_day="Cerrado",
)

_PORTUGUESE = Words(
    lang="pt",
    greeting="Olá! Como podemos ajudar você?",
    closed="Agora estamos fechados. Deixe sua mensagem e respondemos quando abrirmos.",
    open_now="Aberto agora",
    closed_now="Fechado agora",
    log="Mensagens com {name}",
    quick_answers="Respostas rápidas",
    write="Escreva uma mensagem",
    send="Enviar",
    you="Você",
    thinking="{name} está digitando…",
    sending="Enviando…",
    offline="Sem conexão, tentando de novo…",
    unsent="Não foi possível enviar.",
    again="Tentar de novo",
    refused="Esta mensagem não pode ser enviada assim.",
    too_many="Você está indo rápido demais: espere um momento antes de tentar de novo.",
    no_cookie="Seu navegador não guarda a sessão do chat, por isso não é possível enviar por aqui.",
    own_tab="Abrir o chat em uma aba própria",
    privacy="O que você escreve aqui é recebido por {name}, para responder a você.",
    privacy_link="Privacidade",
    no_script="Para conversar por aqui, ative o JavaScript no seu navegador.",
    open_chat="Abrir o chat de {name}",
    close_chat="Fechar o chat",
    delivered="Entregue",
    read="Lida",
    today="Hoje",
    yesterday="Ontem",
    one_new="1 mensagem nova",
    many_new="{count} mensagens novas",
    assistant="O assistente responde",
    an_assistant="Assistente",
    called="Avisamos uma pessoa, que vai responder aqui",
    attended="Você fala com {person}",
    a_person="uma pessoa",
    attach="Anexar um arquivo",
    to_shop="Ver na loja",
    record="Gravar uma mensagem de voz",
    unwritten="Escreva primeiro uma mensagem; depois você pode enviar arquivos.",
    kind="Aqui é possível enviar fotos, PDF e mensagens de voz; este arquivo é de outro tipo.",
    large="O arquivo é grande demais: pode ter até 16 MB.",
    key="Este arquivo não pode mais ser enviado assim: escolha de novo.",
    many="Por hoje não é possível enviar mais arquivos por aqui.",
    a_file="Arquivo",
    recording="Gravando: toque de novo para enviar, Escape para descartar",
    days=("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo"),
    opens_today="abre hoje às {time}",
    opens_tomorrow="abre amanhã às {time}",
    opens_on="abre {day} às {time}",
    closed_day="Fechado",
)

_ENGLISH = Words(
    lang="en",
    greeting="Hello! How can we help you?",
    closed="We are closed now. Leave us a message and we will answer when we open.",
    open_now="Open now",
    closed_now="Closed now",
    log="Messages with {name}",
    quick_answers="Quick answers",
    write="Write a message",
    send="Send",
    you="You",
    thinking="{name} is typing…",
    sending="Sending…",
    offline="No connection, trying again…",
    unsent="Not sent.",
    again="Try again",
    refused="This message cannot be sent as it is.",
    too_many="You are going very fast: wait a moment before you try again.",
    no_cookie="Your browser does not keep the chat's session, so nothing can be sent from here.",
    own_tab="Open the chat in a tab of its own",
    privacy="What you write here is received by {name}, in order to answer you.",
    privacy_link="Privacy",
    no_script="To chat here, turn on JavaScript in your browser.",
    open_chat="Open the chat of {name}",
    close_chat="Close the chat",
    delivered="Delivered",
    read="Read",
    today="Today",
    yesterday="Yesterday",
    one_new="1 new message",
    many_new="{count} new messages",
    assistant="The assistant answers you",
    an_assistant="Assistant",
    called="We have called a person, who will answer you here",
    attended="{person} answers you",
    a_person="A person",
    attach="Attach a file",
    to_shop="See it in the shop",
    record="Record a voice message",
    unwritten="Write a message first; then you can send files.",
    kind="Photos, PDFs and voice messages can be sent here; this file is of another kind.",
    large="The file is too large: it may have up to 16 MB.",
    key="This file can no longer be sent like this: choose it again.",
    many="No more files can be sent from here today.",
    a_file="File",
    recording="Recording: tap again to send, Escape to discard",
    days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    opens_today="opens today at {time}",
    opens_tomorrow="opens tomorrow at {time}",
    opens_on="opens on {day} at {time}",
    closed_day="Closed",
)

LANGUAGES = {words.lang: words for words in (_SPANISH, _PORTUGUESE, _ENGLISH)}
