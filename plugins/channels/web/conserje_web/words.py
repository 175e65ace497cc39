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
)

LANGUAGES = {words.lang: words for words in (_SPANISH, _PORTUGUESE, _ENGLISH)}
