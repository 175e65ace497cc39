"""A leaf: a page as it came, with what a reader of it sees and can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx2

VOID = frozenset(
    {"meta", "link", "input", "br", "img", "hr", "source", "path", "circle", "line", "wbr", "col"}
)
SILENT = frozenset({"title", "script", "style", "template"})
Attributes = dict[str, str]


@dataclass
class Form:
    """A form with what it would send, unless something else is typed."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, Attributes]] = field(default_factory=list)  # texts, and what they are


class Leaf(HTMLParser):
    """Read to its end; what is wrong with its making is in `faults`."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.answer = answer
        self.status = answer.status_code
        self.links: dict[str, str] = {}  # the address by its text
        self.forms: list[Form] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, Attributes]] = []
        self.faults: list[str] = []
        self.title = ""
        self._open: list[tuple[str, Attributes, list[str]]] = []
        self._words: list[str] = []
        self.feed(answer.text)
        self.close()
        self.forms = [each for each in self.forms if each.method != "dialog"]  # which send nothing
        self.faults += [f"<{tag}> is not closed" for tag, *_ in self._open]
        self.faults += [f"id {each} twice" for each in set(self.ids) if self.ids.count(each) > 1]

    @property
    def text(self) -> str:
        """What is read, with single spaces."""
        return " ".join(" ".join(self._words).split())

    def form(self, action: str) -> Form:
        """The one whose address ends so."""
        [found] = [each for each in self.forms if each.action.endswith(action)]
        return found

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in given}
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "form":
            self.forms.append(Form(attributes.get("method", "get"), attributes.get("action", "")))
        if tag == "input" and self.forms and "name" in attributes:
            ticked = attributes.get("type") not in ("checkbox", "radio") or "checked" in attributes
            if ticked:
                self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")
        if tag == "option" and "selected" in attributes and self.forms:
            self.forms[-1].fields[self._name_of("select")] = attributes.get("value", "")
        if tag not in VOID:
            self._open.append((tag, attributes, []))

    def handle_startendtag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, given)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.faults.append(f"</{tag}> at {self.getpos()} closes nothing")
            return
        _, attributes, words = self._open.pop()
        text = " ".join(" ".join(words).split())
        if tag == "a":
            self.links[text or attributes.get("aria-label", "")] = attributes.get("href", "")
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((text, attributes))
        elif tag == "textarea" and self.forms:
            self.forms[-1].fields[attributes["name"]] = "".join(words).removeprefix("\n")
        elif tag == "title" and not self.title:
            self.title = text

    def handle_data(self, data: str) -> None:
        for _, _, words in self._open:
            words.append(data)
        if not any(tag in SILENT for tag, *_ in self._open):
            self._words.append(data)

    def _name_of(self, tag: str) -> str:
        return next(attributes["name"] for each, attributes, _ in reversed(self._open) if each == tag)
