"""The tenants of the installation: how each is, and a new one in a minute."""

from __future__ import annotations

from typing import NamedTuple

from conserje.access import invitations, members
from conserje.access.logins import LoginError
from conserje.operations import overview
from conserje.tenants import tenants
from conserje.tenants.refusals import TenantError
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, See, Seen, ShowOnce, deed, view

ON_A_PAGE = 50
PATH = "/o/tenants"


class Country(NamedTuple):
    """What a shop of a country has, until somebody says otherwise."""

    locale: str
    currency: str
    time_zone: str


COUNTRIES = {
    "CL": Country("es-CL", "CLP", "America/Santiago"),
    "AR": Country("es-AR", "ARS", "America/Argentina/Buenos_Aires"),
    "BO": Country("es-BO", "BOB", "America/La_Paz"),
    "BR": Country("pt-BR", "BRL", "America/Sao_Paulo"),
    "CO": Country("es-CO", "COP", "America/Bogota"),
    "CR": Country("es-CR", "CRC", "America/Costa_Rica"),
    "EC": Country("es-EC", "USD", "America/Guayaquil"),
    "ES": Country("es-ES", "EUR", "Europe/Madrid"),
    "GT": Country("es-GT", "GTQ", "America/Guatemala"),
    "MX": Country("es-MX", "MXN", "America/Mexico_City"),
    "PA": Country("es-PA", "USD", "America/Panama"),
    "PE": Country("es-PE", "PEN", "America/Lima"),
    "PY": Country("es-PY", "PYG", "America/Asuncion"),
    "US": Country("en-US", "USD", "America/New_York"),
    "UY": Country("es-UY", "UYU", "America/Montevideo"),
}


@view("installation.read", transaction="core")
async def shops(asked: Asked) -> Seen:
    """All tenants, or those that somebody has to look at."""
    like, in_trouble = asked.query.get("q", "").strip(), asked.query.get("show") == "trouble"
    lines = await overview.lines(
        asked.connection,
        like=like,
        in_trouble=in_trouble,
        after=asked.query.get("after", ""),
        limit=ON_A_PAGE + 1,
    )
    last = lines[ON_A_PAGE - 1].tenant.slug if len(lines) > ON_A_PAGE else None
    values = {"lines": lines[:ON_A_PAGE], "next": last, "like": like, "in_trouble": in_trouble}
    return Seen("operator/tenants.html", values)


@view("tenant.add")
async def new(asked: Asked) -> Seen:
    return _form(asked, {})


@deed("tenant.add", transaction="core")
async def add(asked: Asked) -> See | Seen | ShowOnce:
    """A tenant, and an invitation for its owner, who does the rest."""
    country = COUNTRIES.get(asked.given("country"), COUNTRIES["CL"])
    try:
        if base := tenants.reserving_base(asked.given("slug"), asked.context.settings.domains):
            return _form(asked, {"slug": asked._("It belongs to %(base)s: choose another.", base=base)})
        added = await tenants.add(
            asked.connection,
            asked.given("slug"),
            asked.given("name"),
            locale=country.locale,
            currency=country.currency,
            time_zone=country.time_zone,
        )
    except TenantError as error:
        return _form(asked, _wrong(asked, error))
    asked.of = f"tenant {added.slug}"
    if not asked.given("email"):
        asked.flash(asked._("%(name)s is live.", name=added.name))
        return See(f"/t/{added.slug}/people")
    return await _invite(asked, added.id, added.slug)


async def _invite(asked: Asked, tenant_id: int, slug: str) -> Seen | ShowOnce:
    try:
        person = await members.add(
            asked.connection, tenant_id, asked.given("person"), asked.given("email"), None, "owner"
        )
    except (TenantError, LoginError):
        return _form(asked, {"email": asked._("Write the owner's name and e-mail address.")})
    invitation = await invitations.invite_person(asked.connection, tenant_id, person)
    token = await invitations.make_link(asked.connection, invitation)
    link = f"{asked.context.settings.console_url}/invitation/{token}"
    values = {"slug": slug, "person": asked.given("person"), "email": asked.given("email"), "link": link}
    return ShowOnce(PATH, values)


@deed("tenant.suspend", transaction="core")
async def suspend(asked: Asked) -> See:
    return await _set_status(asked, active=False)


@deed("tenant.suspend", transaction="core")
async def resume(asked: Asked) -> See:
    return await _set_status(asked, active=True)


async def _set_status(asked: Asked, *, active: bool) -> See:
    slug, was_active = asked.tenant.slug, asked.tenant.active
    await (tenants.resume if active else tenants.suspend)(asked.connection, slug)
    asked.of, asked.before, asked.after = f"tenant {slug}", {"active": was_active}, {"active": active}
    said = N_("%(name)s is active again.") if active else N_("%(name)s is suspended.")
    asked.flash(asked._(said, name=asked.tenant.name))
    return See(PATH)


def _form(asked: Asked, errors: dict[str, str]) -> Seen:
    called = asked.speech.locale.territories
    values = {"errors": errors, "countries": [(code, called[code]) for code in COUNTRIES]}
    return Seen("operator/tenant_new.html", values, 422 if errors else 200)


def _wrong(asked: Asked, error: TenantError) -> dict[str, str]:
    """What is wrong with which field, in words for whoever fills it in."""
    if error.of == "slug":
        return {
            "slug": asked._(
                "This address is taken, reserved, or not made of a-z, 0-9 and hyphens: choose another."
            )
        }
    return {"name": asked._("Write the name of the shop, with at most 200 characters.")}


PLACES = (
    Place(PATH, shops, once="operator/invited.html"),
    Place(f"{PATH}/new", new, add),
    Place(PATH + "/{slug}/suspend", post=suspend),
    Place(PATH + "/{slug}/resume", post=resume),
)
