"""A Twilio webhook as a Flask application: gunicorn, psycopg 3 and its pool."""

import base64
import hashlib
import hmac
import os
from functools import lru_cache

from flask import Flask, Response, abort, request
from psycopg_pool import ConnectionPool

SELECT_TENANT = "SELECT id, account_sid, auth_token FROM tenants WHERE slug = %s"
INSERT_MESSAGE = """
INSERT INTO messages (tenant_id, message_sid, sender, profile_name, body) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (message_sid) DO NOTHING RETURNING id
"""
INSERT_JOB = "INSERT INTO jobs (message_id) VALUES (%s)"

size = int(os.environ["POOL_SIZE"])
pool = ConnectionPool(
    os.environ["DATABASE_URL"], min_size=size, max_size=size, kwargs={"prepare_threshold": 1}, open=True
)
app = Flask(__name__)


@lru_cache(maxsize=10_000)
def find_tenant(slug):
    with pool.connection() as connection:
        return connection.execute(SELECT_TENANT, (slug,)).fetchone()


def sign(auth_token, url, form):
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)).decode()


@app.post("/bot/twilio/webhook")
def webhook():
    tenant = find_tenant(request.host.partition(".")[0])
    if tenant is None:
        abort(404)
    tenant_id, account_sid, auth_token = tenant
    form = request.form.to_dict()
    signature = request.headers.get("X-Twilio-Signature", "")
    if not hmac.compare_digest(sign(auth_token, request.url, form), signature):
        abort(403)
    if form["AccountSid"] != account_sid:
        abort(403)
    with pool.connection() as connection:
        values = (
            tenant_id,
            form["MessageSid"],
            form["From"],
            form.get("ProfileName", ""),
            form.get("Body", ""),
        )
        message = connection.execute(INSERT_MESSAGE, values).fetchone()
        if message:
            connection.execute(INSERT_JOB, message)
    return Response("<Response/>", mimetype="text/xml")
