"""What goes wrong, as `application/problem+json`: each kind has a code that stays, and a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal, NamedTuple

from conserje.conversations.handling import PersonError
from conserje.conversations.held import HeldError
from conserje.conversations.notes import NoteError
from conserje.conversations.statistics import PeriodError
from conserje.errors import ChangedMeanwhile, DirectoryUnavailable, NotThere, OperatorError, UnknownTenant
from conserje.leads.table import LeadError
from conserje.net.mail import MailFailed
from conserje.notices.hosts import SubscriptionError
from conserje.notices.notifier import NotTold
from conserje.operations.checkup import BeingChecked
from conserje.operations.enrolment import NotTheTenants
from conserje.operations.forgetting import ForgettingError
from conserje.plugins.plugins import PluginMissing
from conserje.settings import SettingsError
from conserje.shop.knowledge import KnowledgeError
from conserje.shop.products import ProductError
from conserje.tenants.api_keys import MoreThanItsMaker, NoKey
from conserje.tenants.entry import AccountUnusable
from conserje.tenants.idempotency import KeyInUse, KeyReused
from conserje.tenants.keyring import VaultError
from conserje.tenants.refusals import Taken, TenantError
from conserje_edge.wire.answers import Header, Problem

PAGES = "/api/v1/problems"


class Kind(NamedTuple):
    """A kind of problem: what it is, and what to do about it."""

    status: HTTPStatus
    title: str
    text: str


KINDS = {
    "bad-request": Kind(
        HTTPStatus.BAD_REQUEST, "The request cannot be read", "Look at its Host and its body."
    ),
    "bad-cursor": Kind(
        HTTPStatus.BAD_REQUEST,
        "The cursor is none of this list",
        "Give `next` of the answer before as it stands, or no cursor, to begin anew.",
    ),
    "not-json": Kind(HTTPStatus.BAD_REQUEST, "The body is no JSON", "Send one JSON object, in UTF-8."),
    "no-key": Kind(
        HTTPStatus.UNAUTHORIZED,
        "A key is needed",
        "Send `Authorization: Bearer KEY`. The key is missing, wrong, expired or revoked;"
        " `conserje api-key add` makes one.",
    ),
    "forbidden": Kind(HTTPStatus.FORBIDDEN, "This is not allowed", "A page of another host may not ask."),
    "old-key": Kind(
        HTTPStatus.FORBIDDEN,
        "The key is from before there was an API",
        "It opens the predecessors' routes alone. `conserje api-key add` makes one for the API.",
    ),
    "scope-missing": Kind(
        HTTPStatus.FORBIDDEN,
        "The key has not the scope that this needs",
        "Use a key that has it; `detail` names it.",
    ),
    "operator-only": Kind(
        HTTPStatus.FORBIDDEN,
        "Only the operator may do this",
        "A tenant's key cannot, whatever its scopes. Ask the operator of the installation.",
    ),
    "not-found": Kind(
        HTTPStatus.NOT_FOUND, "There is no such thing", "It is not there, or it is another tenant's."
    ),
    "method-not-allowed": Kind(
        HTTPStatus.METHOD_NOT_ALLOWED, "The path has no such method", "The header Allow names those it has."
    ),
    "too-slow": Kind(HTTPStatus.REQUEST_TIMEOUT, "The body came too slowly", "Send it again."),
    "conflict": Kind(
        HTTPStatus.CONFLICT, "It does not go with what is there", "See `detail`, change one of them."
    ),
    "taken": Kind(
        HTTPStatus.CONFLICT, "It is there already", "Choose another name, or change what is there."
    ),
    "being-checked": Kind(
        HTTPStatus.CONFLICT, "An account of the tenant is being checked", "Ask again in a moment."
    ),
    "still-active": Kind(HTTPStatus.CONFLICT, "The tenant is active", "Suspend it before it is removed."),
    "idempotency-key-in-use": Kind(
        HTTPStatus.CONFLICT,
        "The request of this Idempotency-Key is being done",
        "Ask again in a moment, with the same key: the answer will be the one of that request.",
    ),
    "opted-out": Kind(
        HTTPStatus.CONFLICT,
        "The contact wants no such messages",
        "Write no more to them, until they write that they want it again.",
    ),
    "forgotten": Kind(
        HTTPStatus.CONFLICT, "The contact was forgotten", "Nothing is kept by which they could be reached."
    ),
    "window-closed": Kind(
        HTTPStatus.CONFLICT,
        "The contact wrote too long ago",
        "The provider takes only a template now; `template` names the account's, if it has one.",
    ),
    "template-needed": Kind(
        HTTPStatus.CONFLICT,
        "The contact has never written",
        "The provider takes only a template first; `template` names the account's, if it has one.",
    ),
    "suspended": Kind(HTTPStatus.CONFLICT, "The tenant is suspended", "Resume it, and send again."),
    "changed-meanwhile": Kind(
        HTTPStatus.PRECONDITION_FAILED,
        "It is not as If-Match has it",
        "Somebody changed it. Read it again, and decide anew.",
    ),
    "too-large": Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large", "Send less at once."),
    "media-type": Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is of another type", "Send `application/json`."
    ),
    "invalid": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The request makes no sense",
        "`errors` says where, by JSON pointers into the body, the query or the headers, and why.",
    ),
    "no-account": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "No account reaches them",
        "Add one of a channel that does, or set it active.",
    ),
    "several-accounts": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Several accounts reach them",
        "Name one of `accounts` as `account`.",
    ),
    "no-phone": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "This is no phone", "Write it like +56912345678, its country first."
    ),
    "no-templates": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The channel has no templates",
        "Send words, or give the template's `text`.",
    ),
    "empty": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The message says nothing", "Give it words."),
    "too-long": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "It would be several messages on the channel",
        "Shorten it, or send one after the other: each has its price.",
    ),
    "file-not-taken": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The channel does not take such files",
        "`detail` says which types it takes.",
    ),
    "unknown-quote": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "There is no such message to quote",
        "Quote one of the same conversation that has left, or leave `quotes` out.",
    ),
    "no-window": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The channel cannot say what it takes",
        "Ask the operator: its plugin fails.",
    ),
    "refused": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "What is asked for cannot be", "See `detail`."),
    "idempotency-key-reused": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This Idempotency-Key was another request's",
        "Make a new key for each thing that is to be done, and the same only to do that once.",
    ),
    "too-many-requests": Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "The key asks too often", "Wait as many seconds as Retry-After says."
    ),
    "failed": Kind(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "This is a fault of Conserje's",
        "The log has it under the request's id.",
    ),
    "unavailable": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "It cannot be done now",
        "Ask again later, with the same Idempotency-Key: nothing was done, or it is not done twice.",
    ),
}

# What core refuses, the narrower types first; any other error of an operator's is not for who asks.
OF_ERRORS: tuple[tuple[type[OperatorError], str], ...] = (
    (KeyInUse, "idempotency-key-in-use"),
    (KeyReused, "idempotency-key-reused"),
    (UnknownTenant, "not-found"),
    (NoKey, "not-found"),
    (Taken, "taken"),
    (NotThere, "not-found"),
    (NotTheTenants, "operator-only"),
    (BeingChecked, "being-checked"),
    (TenantError, "refused"),
    (PersonError, "conflict"),
    (HeldError, "conflict"),
    (NoteError, "refused"),
    (LeadError, "refused"),
    (SubscriptionError, "refused"),
    (ChangedMeanwhile, "changed-meanwhile"),
    (ProductError, "refused"),
    (KnowledgeError, "refused"),
    (PeriodError, "refused"),
    (ForgettingError, "unavailable"),
    (MoreThanItsMaker, "refused"),
    (AccountUnusable, "refused"),
    (PluginMissing, "refused"),
    (NotTold, "refused"),
    (SettingsError, "conflict"),
    (MailFailed, "conflict"),
    (DirectoryUnavailable, "unavailable"),
    (VaultError, "unavailable"),
)
_SILENT = frozenset({"not-found", "unavailable"})  # their texts are for the operator's eyes

# Of a problem that names none: the first kind of its status.
_OF_STATUS = {kind.status: code for code, kind in reversed(KINDS.items())}


class Wrong(NamedTuple):
    """A place in the request, and what is wrong there."""

    pointer: str
    detail: str


def problem(code: str, detail: str = "", *headers: Header, errors: Sequence[Wrong] = ()) -> Problem:
    """To be raised; `detail` and `errors` are for who asks."""
    kind = KINDS[code]
    told: dict[str, object] = {"type": f"{PAGES}/{code}", "title": kind.title, "code": code}
    if detail:
        told["detail"] = detail
    if errors:
        told["errors"] = [each._asdict() for each in errors]
    return Problem(kind.status, "", *headers, told=told)


def documented(raised: Problem) -> Problem:
    """The same with type and code, where it has none."""
    if "code" in raised.told:
        return raised
    told = problem(_OF_STATUS.get(raised.status, "failed")).told
    return Problem(raised.status, raised.cause, *raised.headers, told={**told, **raised.told})


def of_error(error: OperatorError, where: Literal["body", "query"] = "body") -> Problem | None:
    """What core refuses of what was given there, as who asks is told it; None: it is no matter of theirs."""
    code = next((code for type_, code in OF_ERRORS if isinstance(error, type_)), None)
    if code is None:
        return None
    if code == "unavailable":
        return Problem(KINDS[code].status, str(error), (b"retry-after", b"5"), told=problem(code).told)
    said = "" if code in _SILENT else str(error)
    place = [Wrong(f"/{where}/{error.of.replace('.', '/')}", said)] if error.of and said else []
    return problem(code, said, errors=place)
