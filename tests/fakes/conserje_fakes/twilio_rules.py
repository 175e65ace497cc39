"""What Twilio refuses of a message at once, each with its code."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import FormData

from conserje_fakes.twilio_refusals import Refusal

LONGEST, MOST_FILES = 1600, 10

_DEGREES = r"-?[0-9]{1,3}(?:\.[0-9]{1,16})?"
_PLACE = re.compile(rf"geo:(?P<latitude>{_DEGREES}),(?P<longitude>{_DEGREES})(?:\|[^|\n]+)?")


def check(form: FormData) -> None:
    """What can be said of the fields alone. Raises Refusal."""
    body, files = str(form.get("Body", "")), [str(url) for url in form.getlist("MediaUrl")]
    if not (body.strip() or files or form.get("ContentSid")):
        raise Refusal(400, 21602, "Message body is required.")
    if len(body) > LONGEST:
        raise Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    by_whatsapp = str(form.get("To", "")).startswith("whatsapp:")
    if len(files) > (1 if by_whatsapp else MOST_FILES):
        raise Refusal(400, 21623, "Number of media files exceeds allowed limit")
    if not all(_is_url(url) for url in files):
        raise Refusal(400, 21620, "Invalid media URL(s)")
    callback = str(form.get("StatusCallback", ""))
    if callback and not (_is_url(callback) and "_" not in str(urlsplit(callback).hostname)):
        raise Refusal(400, 21609, "Invalid StatusCallback URL")
    for place in form.getlist("PersistentAction"):
        _check_place(str(place))


def _is_url(given: str) -> bool:
    url = urlsplit(given)
    return url.scheme in ("http", "https") and bool(url.hostname)


def _check_place(given: str) -> None:
    place = _PLACE.fullmatch(given)
    if not place or abs(float(place["latitude"])) > 90 or abs(float(place["longitude"])) > 180:
        raise Refusal(400, 20001, "Bad request: PersistentAction is no place")
