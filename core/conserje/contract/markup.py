"""Markdown, in which assistants write, in the marks that a channel shows."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from conserje.contract.limits import Markup

_ANY = re.compile(r"[*_~`#>|\[\\<+-]")
# Where none of these is, a single asterisk is WhatsApp's bold: a model imitates what it said before.
_MARKDOWN = re.compile(r"\*\*|~~|\]\(|(?<!\w)__(?=\w)|^[ ]{0,3}#{1,6}[ \t]", re.MULTILINE)

_FENCE = re.compile(r"[ ]{0,3}(?:```|~~~)")
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]+(?=\S)")
_BULLET = re.compile(r"([ \t]*)(?:[*-]|\+(?=[ \t]+\D))[ \t]+(?=\S)")  # no telephone number
_QUOTE = re.compile(r"[ ]{0,3}>[ \t]+")
_TOKEN = re.compile(
    r"\\[!-/:-@\[-`{-~]"
    r"|`+"
    r"|!?\[(?P<label>[^\[\]]*)\]"
    r"\((?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:[ \t]+\"[^\"]*\")?\)"
    r"|<(?P<address>(?:https?://|mailto:)[^<>\s]+)>"
    r"|https?://[^\s<>*]+(?<![_~])"  # whatever signs it has are its own
    r"|\*+|_+|~+"
)
_SCHEME = re.compile(r"(?:https?://|mailto:|tel:)")


@dataclass(frozen=True, slots=True)
class _Marks:
    strong: str = ""
    emphasis: str = ""
    strike: str = ""
    code: str = ""
    block: str = ""


_MARKS = {"whatsapp": _Marks("*", "_", "~", "`", "```"), "plain": _Marks()}


def marked(text: str, markup: Markup) -> str:
    """`text`, which is Markdown, in the marks of `markup`; what has none is what it was."""
    if markup == "markdown" or not _ANY.search(text):
        return text
    marks = _MARKS[markup]
    keeps_single = markup == "whatsapp" and not _MARKDOWN.search(text)
    lines: list[str] = []
    in_block = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            in_block = not in_block
            lines += [marks.block] if marks.block else []
        elif in_block:
            lines.append(line)
        elif not _is_rule(line):
            lines.append(_line(line, marks, keeps_single=keeps_single))
    return "\n".join(lines)


def _is_rule(line: str) -> bool:
    """Whether it is a line across the text, or the one below the head of a table."""
    signs = set(line) - {" ", "\t"}
    across = len(signs) == 1 and signs <= {"-", "*", "_"} and line.count(next(iter(signs))) > 2
    return across or ("|" in signs and "-" in signs and signs <= {"|", "-", ":"})


def _line(line: str, marks: _Marks, *, keeps_single: bool) -> str:
    if heading := _HEADING.match(line):
        words = _inline(line[heading.end() :].rstrip(" \t#"), _MARKS["plain"])
        return f"{marks.strong}{words}{marks.strong}"
    beginning = ""
    if quote := _QUOTE.match(line):
        beginning, line = quote[0], line[quote.end() :]
    if bullet := _BULLET.match(line):
        beginning, line = f"{beginning}{bullet[1]}- ", line[bullet.end() :]
    cells = line.strip()
    if len(cells) > 2 and cells[0] == cells[-1] == "|":
        line = " | ".join(cell.strip() for cell in cells[1:-1].split("|"))
    return beginning + _inline(line, marks, keeps_single=keeps_single)


@dataclass(slots=True)
class _Run:
    """Signs that may begin something emphasised, and what of them is written in the end."""

    sign: str
    left: int  # signs that nothing has used yet
    before: str  # the character
    after: str
    opened: str = ""
    closed: str = ""

    @property
    def opens(self) -> bool:
        inside = bool(self.after) and not self.after.isspace()
        return inside and not (self._is_bound and self.before.isalnum())

    @property
    def closes(self) -> bool:
        inside = bool(self.before) and not self.before.isspace()
        return inside and not (self._is_bound and self.after.isalnum())

    @property
    def _is_bound(self) -> bool:
        """Whether it means nothing within a word, as in 2*3*4 and snake_case."""
        return self.sign == "_" or self.left == 1

    def __str__(self) -> str:
        dangling = self.sign == "*" and self.left == 2 and self.opens != self.closes
        rest = "" if dangling else self.sign * self.left
        return self.closed + rest + self.opened


@dataclass(slots=True)
class _Line:
    """One line on its way: what is written of it, and what has been opened in it."""

    marks: _Marks
    keeps_single: bool
    written: list[str | _Run] = field(default_factory=list)
    open: list[_Run] = field(default_factory=list)
    signs: Counter[str] = field(default_factory=Counter)  # of what is open

    def add(self, run: _Run) -> None:
        """Take signs that may begin or end something emphasised, or be what they are."""
        self.written.append(run)
        if run.left > 3 or (run.sign == "~" and run.left != 2) or (self.keeps_single and run.left == 1):
            return
        while run.left and run.closes and (opening := self._opening(run)):
            used = 2 if min(run.left, opening.left) >= 2 else 1
            mark = self._mark(run.sign, used, opening.before + run.after)
            opening.opened, run.closed = mark + opening.opened, run.closed + mark
            opening.left -= used
            run.left -= used
            if opening.left:
                self._begin(opening)
        if run.left and run.opens:
            self._begin(run)

    def _begin(self, run: _Run) -> None:
        self.open.append(run)
        self.signs[run.sign] += 1

    def _opening(self, run: _Run) -> _Run | None:
        """The run that this one ends; whatever was opened within and is still open is nothing."""
        while self.signs[run.sign]:
            opening = self.open.pop()
            self.signs[opening.sign] -= 1
            if opening.sign == run.sign:
                return opening
        return None

    def _mark(self, sign: str, used: int, around: str) -> str:
        if any(character.isalnum() for character in around):
            return ""  # WhatsApp would show it
        if sign == "~":
            return self.marks.strike
        return self.marks.strong if used == 2 else self.marks.emphasis


def _inline(text: str, marks: _Marks, *, keeps_single: bool = False) -> str:
    line, place = _Line(marks, keeps_single), 0
    tokens = [*_TOKEN.finditer(text)]
    ends = _ends_of_code(tokens)
    for token in tokens:
        if token.start() < place:
            continue  # within code
        line.written.append(text[place : token.start()])
        place = token.end()
        if token[0][0] in "*_~":
            line.add(_Run(token[0][0], len(token[0]), text[: token.start()][-1:], text[place : place + 1]))
        elif end := ends.get(token.start()):
            line.written.append(f"{marks.code}{text[place : end.start()].strip()}{marks.code}")
            place = end.end()
        else:
            line.written.append(_said(token, marks))
    line.written.append(text[place:])
    return "".join(map(str, line.written))


def _ends_of_code(tokens: list[re.Match[str]]) -> dict[int, re.Match[str]]:
    """Where code begins, and the signs that end it."""
    ends: dict[int, re.Match[str]] = {}
    later: dict[str, re.Match[str]] = {}
    for token in reversed(tokens):
        if token[0][0] == "`":
            if token[0] in later:
                ends[token.start()] = later[token[0]]
            later[token[0]] = token
    return ends


def _said(token: re.Match[str], marks: _Marks) -> str:
    if token["label"] is not None:
        return _link(_inline(token["label"], marks), token["target"])
    if token["address"]:
        return token["address"].removeprefix("mailto:")
    return token[0][1:] if token[0][0] == "\\" else token[0]


def _link(words: str, address: str) -> str:
    """A link as words, behind which its address stands where they do not say it."""
    words, address = words.strip(), address.removeprefix("mailto:").removeprefix("tel:")
    if not address or address[0] in "#/.":
        return words
    bare = _SCHEME.sub("", address, count=1).rstrip("/")
    return (
        address if words.rstrip("/") in ("", bare, address.rstrip("/")) else f"{words.rstrip(':')}: {address}"
    )
