"""A Twilio webhook as a FastAPI application: uvicorn, SQLAlchemy 2 async over asyncpg."""

import base64
import hashlib
import hmac
import os

from fastapi import FastAPI, HTTPException, Request, Response
from sqlalchemy import BigInteger, Column, ForeignKey, Identity, MetaData, Table, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine

metadata = MetaData()
tenants = Table(
    "tenants",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("slug", Text),
    Column("account_sid", Text),
    Column("auth_token", Text),
)
messages = Table(
    "messages",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("tenant_id", BigInteger, ForeignKey("tenants.id")),
    Column("message_sid", Text),
    Column("sender", Text),
    Column("profile_name", Text),
    Column("body", Text),
)
jobs = Table(
    "jobs",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("message_id", BigInteger, ForeignKey("messages.id")),
)

INSERT_MESSAGE = (
    insert(messages).on_conflict_do_nothing(index_elements=["message_sid"]).returning(messages.c.id)
)
INSERT_JOB = insert(jobs)

engine = create_async_engine(
    os.environ["DATABASE_URL"], pool_size=int(os.environ["POOL_SIZE"]), max_overflow=0
)
app = FastAPI()
cached_tenants = {}


async def find_tenant(slug):
    if slug not in cached_tenants:
        async with engine.connect() as connection:
            found = await connection.execute(select(tenants).where(tenants.c.slug == slug))
            tenant = found.one_or_none()
        if tenant is None:
            raise HTTPException(404)
        cached_tenants[slug] = tenant
    return cached_tenants[slug]


def sign(auth_token, url, form):
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)).decode()


@app.post("/bot/twilio/webhook")
async def webhook(request: Request):
    tenant = await find_tenant(request.url.hostname.partition(".")[0])
    form = await request.form()
    signature = request.headers.get("X-Twilio-Signature", "")
    if not hmac.compare_digest(sign(tenant.auth_token, str(request.url), form), signature):
        raise HTTPException(403)
    if form["AccountSid"] != tenant.account_sid:
        raise HTTPException(403)
    async with engine.begin() as connection:
        message_id = await connection.scalar(
            INSERT_MESSAGE,
            {
                "tenant_id": tenant.id,
                "message_sid": form["MessageSid"],
                "sender": form["From"],
                "profile_name": form.get("ProfileName", ""),
                "body": form.get("Body", ""),
            },
        )
        if message_id is not None:
            await connection.execute(INSERT_JOB, {"message_id": message_id})
    return Response("<Response/>", media_type="text/xml")
