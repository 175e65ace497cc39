"""A refusal: the page that is shown in place of the one that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from conserje_edge.console.languages import N_


@dataclass(frozen=True, slots=True)
class Said:
    """What a refusal says: what is the matter, and the way out."""

    title: str
    text: str


SAID = {
    HTTPStatus.BAD_REQUEST: Said(N_("That could not be read"), N_("Go back, and send it once more.")),
    HTTPStatus.FORBIDDEN: Said(
        N_("This is not yours to do"), N_("Ask an owner for it, who can give you another role.")
    ),
    HTTPStatus.NOT_FOUND: Said(
        N_("There is nothing here"), N_("It may have been removed, or the address has a mistake.")
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Said(
        N_("There is nothing here"), N_("It may have been removed, or the address has a mistake.")
    ),
    HTTPStatus.REQUEST_TIMEOUT: Said(
        N_("That took too long"), N_("The connection is slow: go back, and send it once more.")
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Said(
        N_("That is too large"), N_("Go back, and choose a smaller file or write a shorter text.")
    ),
    HTTPStatus.TOO_MANY_REQUESTS: Said(
        N_("That was too often"), N_("Wait for a few minutes, and try again.")
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Said(
        N_("The database does not answer"),
        N_("Nothing is lost: messages are still taken. Try again in a moment."),
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Said(
        N_("Something of ours went wrong"),
        N_("Try again. If it stays, tell the operator the number below."),
    ),
}
FOREIGN = Said(
    N_("Another page asked for this"), N_("Nothing was done. Open the console itself, and do it there.")
)


class Refusal(Exception):
    """The request is answered with the page of this status; `cause` is for the log alone."""

    def __init__(
        self, status: HTTPStatus, said: Said | None = None, cause: str = "", retry_after: int = 0
    ) -> None:
        super().__init__(cause)
        self.status = status
        self.said = said or SAID.get(status, SAID[HTTPStatus.INTERNAL_SERVER_ERROR])
        self.cause = cause
        self.retry_after = retry_after
