"""Transcriptions: one sound goes there, and the words that were heard come back."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

from openai import AsyncOpenAI, NotFoundError, OpenAIError

from conserje import Account, Heard, NoAnswer, Voice
from conserje_openai.api import explained
from conserje_openai.models import OpenAICredentials, OpenAIOperator, OpenAISettings

LARGEST = 25 * 1000 * 1000  # bytes that the API takes
LONGEST_PROMPT = 600  # characters: models that take no key words read 224 tokens of it
# By their type the endings by which the API knows them.
_ENDINGS = {
    "audio/ogg": "ogg", "audio/opus": "ogg", "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/x-m4a": "m4a",
    "audio/webm": "webm", "audio/wav": "wav", "audio/x-wav": "wav", "audio/flac": "flac",
    "audio/x-flac": "flac",
}  # fmt: skip
_LANGUAGES = ("es", "pt", "en")  # that shops' customers speak, whatever the tenant's is
_STRANGE = "The model's server does not transcribe; check CONSERJE_OPENAI_BASE_URL and transcription_model."

_UNKNOWN = (
    "The model's server has no such transcription (404); check the tenant's setting transcription_model."
)


async def hear(
    client: AsyncOpenAI, operator: OpenAIOperator, voice: Voice, account: Account[Any, OpenAISettings]
) -> Heard:
    """What is said in the voice note. Raises NoAnswer."""
    ending = _ENDINGS.get(voice.content_type)
    if ending is None or len(voice.content) > LARGEST:
        return Heard("", {"seconds": 0}, clear=False)  # nobody is asked
    model = account.settings.transcription_model
    credentials: OpenAICredentials = account.credentials
    own = client.with_options(api_key=credentials.api_key.get_secret_value())
    try:
        heard = await own.audio.transcriptions.create(
            file=(f"voice.{ending}", voice.content, f"audio/{ending}"),
            model=model,
            response_format="json",
            **dict(_hints(model, voice, account.locale)),
        )
    except NotFoundError:
        raise NoAnswer(_UNKNOWN) from None
    except OpenAIError as error:
        raise explained(error, operator) from None
    return _heard(heard)


def _hints(model: str, voice: Voice, locale: str) -> Iterator[tuple[str, Any]]:
    """What may help the model, in the fields that it has."""
    language = locale.partition("-")[0]
    if model.startswith("gpt-transcribe"):
        yield "languages", list(dict.fromkeys((language, *_LANGUAGES)))
        if voice.words:
            yield "keywords", list(voice.words)
    elif voice.words:
        yield "prompt", ", ".join(voice.words)[:LONGEST_PROMPT]


def _heard(answer: object) -> Heard:
    """Raises NoAnswer where the server did not answer as it is asked."""
    given = answer.model_dump(warnings=False) if hasattr(answer, "model_dump") else None
    if not isinstance(given, dict) or not isinstance(text := given.get("text"), str):
        raise NoAnswer(_STRANGE)
    made_out = given.get("languages") != []  # a list of none says so; who tells of none has none
    return Heard(text.strip(), _usage(given.get("usage")), clear=bool(text.strip()) and made_out)


def _usage(given: object) -> dict[str, int]:
    """Seconds, or tokens: by what the model is paid."""
    if not isinstance(given, dict):
        return {}
    told = {
        "seconds": given.get("seconds"),
        "input_tokens": given.get("input_tokens"),
        "output_tokens": given.get("output_tokens"),
    }
    counts = {name: count for name, count in told.items() if isinstance(count, int | float)}
    return {name: ceil(count) for name, count in counts.items() if 0 <= count < LARGEST}
