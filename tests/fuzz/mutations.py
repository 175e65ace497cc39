"""What strangers do to a request."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from urllib.parse import quote

from fuzz.posts import Headers, Post

Mutation = Callable[[Post, Random, Sequence[Post]], Post]

SIGNATURES = (
    b"x-twilio-signature", b"x-hub-signature-256", b"x-signature", b"x-conserje-signature", b"cookie",
    b"origin",
)  # fmt: skip
HUGE = 200_000  # bytes: more than the edge takes in the tests
# What an HTTP server lets through: visible characters in a target, no control characters in a header.
IN_TARGET = bytes(byte for byte in range(0x21, 0x7F) if byte not in b"#?")
IN_HEADER = bytes((*range(0x20, 0x7F), *range(0x80, 0x100), 0x09))

METHODS = ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "M-SEARCH")
HOSTS = (
    b"", b"localhost", b"acme.localhost.", b"ACME.LOCALHOST", b"acme.localhost:443",
    b"acme.localhost:99999", b"acme.localhost:", b"evil.acme.localhost", b"acme-.localhost",
    b"-acme.localhost", b"127.0.0.1", b"[::1]", b"acme.localhost@evil.com", b"acme.localhost/evil",
    b"acme_localhost", b"xn--a.localhost", b"a" * 300, b"acme.localhost\xff", b"acme%2elocalhost",
    b"bravo.localhost", b"console.localhost", b"acme.localhost, b",
)  # fmt: skip
PATHS = (
    b"/bot", b"/bot/", b"/bot//webhook", b"/bot/twilio", b"/bot/twilio/", b"/bot/twilio/webhook/",
    b"/bot/../bot", b"/bot/twilio/webhook/..", b"/bot/%74wilio/webhook", b"/bot/twilio/%77ebhook",
    b"/BOT/twilio/webhook", b"/bot/nobody/webhook", b"/bot/echo/webhook", b"/bot/twilio/webhook;x",
    b"/webhook/", b"/webhook/twilio", b"/webhook/web", b"/webhook/twilio/x",
    b"/webhook/meta/", b"/bot/meta/status", b"//bot/twilio/webhook",
    b"/bot/twilio\\webhook", b"/bot/json/status", b"/bot/web/status", b"/bot/signed/status",
    b"/bot/\xf0\x9f\x98\x80/webhook", b"/bot/" + b"a" * 5000,
)  # fmt: skip
KINDS = (
    b"", b"text/plain", b"application/json", b"application/x-www-form-urlencoded; charset=utf-16",
    b"multipart/form-data; boundary=x", b"application/xml", b"APPLICATION/JSON;;", b"\xff/\xfe",
    b"application/json, x",
)  # fmt: skip
ODD_HEADERS: Headers = (
    (b"x-forwarded-proto", b"https"), (b"x-forwarded-proto", b"gopher"),
    (b"x-forwarded-for", b"\xff, ::1, 1.2.3.4"), (b"x-forwarded-for", b"999.1.1.1"),
    (b"x-forwarded-host", b"bravo.localhost"), (b"x-request-id", b"\xe9" * 90),
    (b"content-length", b"9" * 30), (b"content-length", b"7"), (b"transfer-encoding", b"chunked"),
    (b"expect", b"100-continue"), (b"cookie", b"=;;=;" * 50), (b"cookie", b"__Host-conserje-web=..."),
    (b"cookie", b"__Host-conserje-web=a.nan.b"), (b"origin", b"null"), (b"origin", b"http://[evil"),
    (b"sec-fetch-site", b"cross-site"), (b"range", b"bytes=0-"), (b"x-twilio-signature", b""),
    (b"x-twilio-signature", b"\xff" * 28), (b"x-conserje-signature", b"sha256="),
    (b"x-twilio-webhooks-signature-settings", b"HMAC_SHA256"), (b"x-http-method-override", b"GET"),
    (b"authorization", b"Basic Og=="), (b"accept-encoding", b"gzip"), (b"content-encoding", b"gzip"),
    (b"host", b"b.localhost"), (b"x-long", b"a" * 60_000),
)  # fmt: skip
ODD_VALUES: tuple[object, ...] = (
    None, 0, -1, 1e308, True, [], {}, [[]] * 50, "", "\x00", "\ud800", "a" * 5000, {"id": {"id": 1}},
    10**400,
)  # fmt: skip
ODD_FORMS = (
    b"&" * 2000, b"a=" * 3000, b"%", b"%00=%00", b"To=%ff%fe", b"To", b"=", b"To=" + b"%C3" * 400,
    b"\xff\xfe=\x00", b"&".join(b"k%d=v" % number for number in range(600)), b"AccountSid=&To=&From=",
)  # fmt: skip


def flip_body(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return replace(post, body=_flipped(post.body, random))


def flip_signature(post: Post, random: Random, _: Sequence[Post]) -> Post:
    """Some of what proves it, changed within what a header may be."""
    name, value = random.choice([pair for pair in post.headers if pair[0] in SIGNATURES])
    changed = bytearray(value)
    for _n in range(random.randint(1, 4) if changed else 0):
        changed[random.randrange(len(changed))] = random.choice(IN_HEADER)
    return post.with_header(name, bytes(changed).strip())


def truncate_signature(post: Post, random: Random, _: Sequence[Post]) -> Post:
    name, value = random.choice([pair for pair in post.headers if pair[0] in SIGNATURES])
    return post.with_header(name, value[: random.randrange(len(value) or 1)])


def drop_header(post: Post, random: Random, _: Sequence[Post]) -> Post:
    dropped = random.randrange(len(post.headers))
    return replace(post, headers=post.headers[:dropped] + post.headers[dropped + 1 :])


def borrow_headers(post: Post, random: Random, others: Sequence[Post]) -> Post:
    """The proof of another request."""
    return replace(post, headers=random.choice(others).headers)


def borrow_body(post: Post, random: Random, others: Sequence[Post]) -> Post:
    return replace(post, body=random.choice(others).body)


def borrow_path(post: Post, random: Random, others: Sequence[Post]) -> Post:
    return replace(post, path=random.choice(others).path)


def truncate_body(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return replace(post, body=post.body[: random.randrange(len(post.body) or 1)])


def break_off(post: Post, random: Random, others: Sequence[Post]) -> Post:
    return replace(truncate_body(post, random, others), breaks_off=True)


def reorder_and_change(post: Post, random: Random, _: Sequence[Post]) -> Post:
    """The fields in another order, one of them twice, another one more."""
    fields = post.body.split(b"&")
    random.shuffle(fields)
    return replace(post, body=b"&".join([*fields, random.choice(fields), random.choice(ODD_FORMS)]))


def odd_form(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return replace(post, body=random.choice(ODD_FORMS))


def odd_json(post: Post, random: Random, _: Sequence[Post]) -> Post:
    """Fields of all types where a text stands, and nesting without an end."""
    if random.random() < 0.2:
        return replace(
            post, body=random.choice((b"[" * 9000, b'{"id":' * 3000, b"\xef\xbb\xbf{}", b"NaN", b""))
        )
    names = ("id", "telefono", "mensaje", "text", "pressed", "__proto__")
    body = {name: random.choice(ODD_VALUES) for name in random.sample(names, 3)}
    return replace(post, body=json.dumps(body).encode())


def grow(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return replace(post, body=post.body + b"a" * random.choice((1, 4096, HUGE)))


def noise(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return replace(post, body=random.randbytes(random.randrange(600)))


def odd_header(post: Post, random: Random, _: Sequence[Post]) -> Post:
    """Headers more, which may be some that are there."""
    more = random.sample(ODD_HEADERS, random.randint(1, 3))
    return replace(_perhaps_spoiled(post, random), headers=(*post.headers, *more))


def odd_host(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return _perhaps_spoiled(post, random).with_header(b"host", random.choice(HOSTS))


def odd_path(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return replace(_perhaps_spoiled(post, random), path=random.choice(PATHS))


def bend_path(post: Post, random: Random, _: Sequence[Post]) -> Post:
    path = bytearray(post.path)
    path[random.randrange(1, len(path))] = random.choice(IN_TARGET)
    return replace(_perhaps_spoiled(post, random), path=bytes(path))


def odd_query(post: Post, random: Random, _: Sequence[Post]) -> Post:
    query = random.choice((b"message=1", b"message=" + b"9" * 40, b"%", b"a=%ff", b"&" * 900, b"x" * 5000))
    return replace(_perhaps_spoiled(post, random), query=query)


def odd_kind(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return _perhaps_spoiled(post, random).with_header(b"content-type", random.choice(KINDS))


def odd_method(post: Post, random: Random, _: Sequence[Post]) -> Post:
    return replace(_perhaps_spoiled(post, random), method=random.choice(METHODS))


def forge(post: Post, random: Random, _: Sequence[Post]) -> Post:
    """Words of the stranger's own, in the place of a genuine message's."""
    words = quote("stranger " + "".join(random.choices("áñ☂ \t'\"<>", k=20))).encode()
    return replace(
        post, body=post.body.replace(b"hola", words).replace(b"SM", b"SX").replace(b"id", b"Id") + b"&f=1"
    )


MUTATIONS: tuple[Mutation, ...] = (
    flip_body, flip_signature, truncate_signature, drop_header, borrow_headers, borrow_body, borrow_path,
    truncate_body, break_off, reorder_and_change, odd_form, odd_json, grow, noise, odd_header, odd_host,
    odd_path, bend_path, odd_query, odd_kind, odd_method, forge,
)  # fmt: skip


def _perhaps_spoiled(post: Post, random: Random) -> Post:
    """Every other one also with a changed body: what is signed goes on to its check, what is not is met."""
    return flip_body(post, random, ()) if random.random() < 0.5 else post


def _flipped(body: bytes, random: Random) -> bytes:
    """One to eight bits of it the other way round."""
    changed = bytearray(body)
    for _ in range(random.randint(1, 8)):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)
