"""What is mailed to who may come in, in their language."""

from __future__ import annotations

from conserje.tenants.words import Mail

INVITED = {
    "es": Mail(
        "Te invitaron a {to}",
        "Hola {name}:\n\nTe invitaron a la consola de {to}. Abre este enlace para entrar; sirve una"
        " vez, durante {hours} horas:\n\n{link}\n\nSi no esperabas esta invitación, no hagas nada.\n",
    ),
    "pt": Mail(
        "Você foi convidado para {to}",
        "Olá, {name}:\n\nVocê foi convidado para o console de {to}. Abra este link para entrar; ele vale uma"
        " vez, durante {hours} horas:\n\n{link}\n\nSe você não esperava este convite, não faça nada.\n",
    ),
    "en": Mail(
        "You are invited to {to}",
        "Hello {name},\n\nyou are invited to the console of {to}. Open this link to come in; it works once,"
        " within {hours} hours:\n\n{link}\n\nIf you did not expect this invitation, do nothing.\n",
    ),
}

RESET = {
    "es": Mail(
        "Una contraseña nueva",
        "Alguien pidió una contraseña nueva para esta dirección. Si fuiste tú, abre este enlace; sirve una"
        " vez, durante {hours} horas:\n\n{link}\n\nSi no, no hagas nada: la de siempre sigue valiendo.\n",
    ),
    "pt": Mail(
        "Uma senha nova",
        "Alguém pediu uma senha nova para este endereço. Se foi você, abra este link; ele vale uma"
        " vez, durante {hours} horas:\n\n{link}\n\nSe não foi, não faça nada: a antiga ainda vale.\n",
    ),
    "en": Mail(
        "A new password",
        "Somebody asked for a new password for this address. If that was you, open this link; it works once,"
        " within {hours} hours:\n\n{link}\n\nIf it was not, do nothing: the old one still works.\n",
    ),
}
