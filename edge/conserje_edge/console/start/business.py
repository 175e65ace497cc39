"""The business: its name, where and how it speaks, who is told, and how long things wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from babel import Locale, UnknownLocaleError

from conserje.errors import OperatorError
from conserje.net.mail import MailFailed
from conserje.notices.notifier import NotTold
from conserje.operations import tenant_change
from conserje.operations.tenant_change import Changes
from conserje.tenants.refusals import TenantError
from conserje.tenants.tenants import Tenant
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import See, Seen, deed, view

# Those of the shops that are expected; what a tenant has stays offered beside them.
ZONES = (
    "America/Santiago", "America/Punta_Arenas", "Pacific/Easter", "America/Argentina/Buenos_Aires",
    "America/Asuncion", "America/Bogota", "America/Caracas", "America/Costa_Rica", "America/El_Salvador",
    "America/Fortaleza", "America/Guatemala", "America/Guayaquil", "America/Havana", "America/La_Paz",
    "America/Lima", "America/Managua", "America/Manaus", "America/Mexico_City", "America/Montevideo",
    "America/Panama", "America/Puerto_Rico", "America/Santo_Domingo", "America/Sao_Paulo",
    "America/Tegucigalpa", "America/Tijuana", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "America/New_York", "Atlantic/Canary", "Europe/Lisbon", "Europe/London", "Europe/Madrid", "UTC",
)  # fmt: skip
LOCALES = (
    "es-CL", "es-AR", "es-BO", "es-CO", "es-CR", "es-DO", "es-EC", "es-ES", "es-GT", "es-HN", "es-MX",
    "es-NI", "es-PA", "es-PE", "es-PR", "es-PY", "es-SV", "es-US", "es-UY", "es-VE", "pt-BR", "pt-PT",
    "en-GB", "en-US",
)  # fmt: skip
_NAMED = ("name", "locale", "time_zone", "notice_email", "notice_url")
WRONG: Mapping[str, str] = {
    "name": N_("Write the name of your shop, in at most 200 signs."),
    "locale": N_("Choose one of the list."),
    "time_zone": N_("Choose one of the list."),
    "notice_email": N_("This is no mail address: write it like team@example.com."),
    "notice_url": N_("This is no address for notices: write one that begins with https://."),
    "quiet_period": N_("Write how many seconds, 0 to 60."),
    "hand_back_after": N_("Write how many minutes, 1 to 10080."),
}
NO_MAIL = N_("Mail cannot leave: ask whoever runs this for you to name a mail server.")
_MOST = {"quiet_period": 60, "hand_back_after": 10080}
_UNIT = {"quiet_period": "seconds", "hand_back_after": "minutes"}


@view("tenant.read")
async def show(asked: Asked) -> Seen:
    return _form(asked)


def _form(asked: Asked, errors: Mapping[str, str] | None = None) -> Seen:
    there = _there(asked.tenant)
    values = {name: asked.given(name) for name in there} if asked.form else there
    shown = {
        "values": values,
        "errors": errors or {},
        "zones": [
            (each, each.rpartition("/")[2].replace("_", " ")) for each in _with(ZONES, there["time_zone"])
        ],
        "locales": [(each, _called(asked, each)) for each in _with(LOCALES, there["locale"])],
    }
    return Seen("start/business.html", shown, 422 if errors else 200)


def _with(offered: tuple[str, ...], there: str) -> list[str]:
    return list(dict.fromkeys((*offered, there)))


def _called(asked: Asked, tag: str) -> str:
    """The language and its country, in the person's language; of what nobody speaks, its tag."""
    try:
        shown = Locale.parse(tag, sep="-").get_display_name(asked.speech.locale) or tag
    except (UnknownLocaleError, ValueError):
        return tag
    return str(shown[:1].upper() + shown[1:])


def _there(tenant: Tenant) -> dict[str, str]:
    return {
        "name": tenant.name,
        "locale": tenant.locale,
        "time_zone": tenant.time_zone,
        "notice_email": tenant.notice_email or "",
        "notice_url": tenant.notice_url or "",
        "quiet_period": f"{tenant.quiet_period.total_seconds():g}",
        "hand_back_after": f"{tenant.hand_back_after.total_seconds() / 60:g}",
    }


@deed("tenant.change", transaction="core")
async def change(asked: Asked) -> See | Seen:
    there = _there(asked.tenant)
    typed = {name: asked.given(name) for name in there}
    changed = {name: value for name, value in typed.items() if value != there[name]}
    columns: dict[str, Any] = {name: changed[name] or None for name in _NAMED if name in changed}
    for name in _MOST.keys() & changed.keys():
        if (read := _duration(name, changed[name])) is None:
            return _form(asked, {name: asked._(WRONG[name])})
        columns[name] = read
    if not asked.person.operator_role and tenant_change.operators_only(asked.context.settings, columns):
        return _form(asked, {"notice_url": asked._(_not_theirs(asked, columns))})
    if columns.get("name", "") is None:
        return _form(asked, {"name": asked._(WRONG["name"])})
    try:
        await tenant_change.change(
            asked.context, asked.connection, asked.tenant.slug, Changes(columns=columns)
        )
    except (TenantError, NotTold, MailFailed) as error:
        return _form(asked, _said(asked, error))
    asked.before = {name: there[name] for name in changed}
    asked.after = changed
    asked.flash(asked._("It is kept."))
    return See(asked.to("start", "business"))


def _duration(name: str, written: str) -> timedelta | None:
    """None for what is none."""
    try:
        number = float(written.replace(",", "."))
    except ValueError:
        return None
    least = 0 if name == "quiet_period" else 1
    return timedelta(**{_UNIT[name]: number}) if least <= number <= _MOST[name] else None


def _not_theirs(asked: Asked, columns: Mapping[str, Any]) -> str:
    if str(columns["notice_url"]).startswith("https://"):
        return N_("Ask whoever runs this for you: only they set an address for notices here.")
    return WRONG["notice_url"]


def _said(asked: Asked, error: OperatorError) -> dict[str, str]:
    if isinstance(error, MailFailed):
        return {"notice_email": asked._(NO_MAIL)}
    if isinstance(error, NotTold):
        return {"notice_url": asked._(WRONG["notice_url"])}
    return {error.of: asked._(WRONG[error.of])} if error.of in WRONG else {"": str(error)}
