"""Whether links are mailed here, or shown to be copied; and the page that shows one."""

from __future__ import annotations

from conserje.access import invitations
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import See, ShowOnce


def is_mailed(asked: Asked) -> bool:
    """Whether the operator has named a mail server."""
    settings = asked.context.settings
    return bool(settings.smtp_url and settings.mail_from)


async def hand_out(asked: Asked, invitation_id: int, email: str, kind: str, back: str) -> See | ShowOnce:
    """Mail the link, by a worker; where there is no mail server, show it, once."""
    connection = asked.connection
    if is_mailed(asked):
        asked.transaction.due.append(await invitations.due(connection, invitation_id, asked.tenant_id))
        asked.flash(asked._("A link is on its way to %(email)s.", email=email))
        return See(back)
    token = await invitations.make_link(connection, invitation_id)
    link = f"{asked.context.settings.console_url}/{kind}/{token}"
    return ShowOnce(back, {"link": link, "email": email, "back": back})
