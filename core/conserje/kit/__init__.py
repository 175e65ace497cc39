"""What every plugin with a provider repeats, ready made; public, as `conserje` itself is."""

from conserje.kit.asking import Answered, ask, look
from conserje.kit.forms import Form, form
from conserje.kit.logs import logger
from conserje.kit.models import Closed, Secret, matching, read, unreadable
from conserje.kit.signing import Bearer, Hmac, InAddress

__all__ = [
    "Answered",
    "Bearer",
    "Closed",
    "Form",
    "Hmac",
    "InAddress",
    "Secret",
    "ask",
    "form",
    "logger",
    "look",
    "matching",
    "read",
    "unreadable",
]
