-- Works with processes of schema 7.
-- Notifications: what happened, for a tenant's own systems, and who is told of it.

-- What is told has a number of this sequence, or is a message with its own. Whoever takes one has begun to write
-- before: once all that had begun when the last number was so high has ended, nothing below it comes any more.
CREATE SEQUENCE notification_numbers;
CREATE FUNCTION notification_number() RETURNS bigint LANGUAGE sql AS $$
    SELECT nextval(CASE WHEN pg_current_xact_id() IS NOT NULL THEN 'notification_numbers'::regclass END)
$$;

-- Those of messages are read from messages and statuses. `data` has ids, and no words of a contact's.
CREATE TABLE notifications (
    tenant_id       bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id              bigint NOT NULL DEFAULT notification_number(),
    kind            text NOT NULL CHECK (kind ~ '^[a-z]+[.][a-z_]+$' AND length(kind) <= 40),
    conversation_id bigint,
    data            jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);
CREATE INDEX notifications_conversation ON notifications (tenant_id, conversation_id)
    WHERE conversation_id IS NOT NULL;
CREATE INDEX notifications_age ON notifications (tenant_id, created_at);

-- Of an outbound message once the provider has it, or it is refused. Processes of an earlier release give none:
-- nobody is told of what they send.
ALTER TABLE messages ADD COLUMN sent_number bigint;
-- In two statements: what is there already is told to nobody.
ALTER TABLE statuses ADD COLUMN number bigint;
ALTER TABLE statuses ALTER COLUMN number SET DEFAULT notification_number();

-- Where a tenant's systems are told; the operator's own have no tenant, and are told of all of them.
CREATE TABLE subscriptions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     bigint REFERENCES tenants ON DELETE CASCADE,
    url           text NOT NULL CHECK (url ~ '^https?://[^\s/?#@]+(/[^\s#]*)?$' AND length(url) <= 2000),
    kinds         text[] NOT NULL DEFAULT '{}',                   -- none: all
    ordered       boolean NOT NULL DEFAULT false,                 -- within a conversation
    secret        text NOT NULL CHECK (secret LIKE 'v1.%'),       -- sealed, as all below
    former_secret text CHECK (former_secret LIKE 'v1.%'),         -- signs, too, until
    former_until  timestamptz,
    token_secret  text NOT NULL CHECK (token_secret LIKE 'v1.%'),
    state         text NOT NULL DEFAULT 'on' CHECK (state IN ('on', 'off')),
    cause         text,                                           -- why the last telling failed
    failing_since timestamptz,                                    -- since when nothing was taken
    failures      int NOT NULL DEFAULT 0,                         -- in a row
    due_at        timestamptz NOT NULL DEFAULT now(),             -- not before, also because somebody tells
    epoch         bigint NOT NULL DEFAULT 0,                      -- of whoever tells
    tested_at     timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subscriptions_tenant ON subscriptions (tenant_id);

-- How far a subscription has read of a tenant; without a row: nothing yet.
CREATE TABLE positions (
    tenant_id       bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    subscription_id bigint NOT NULL,
    message_id      bigint NOT NULL,
    number          bigint NOT NULL,
    PRIMARY KEY (tenant_id, subscription_id)
);
CREATE INDEX positions_subscription ON positions (subscription_id);

-- The telling of one notification to one subscription; what is told is read again at each try.
CREATE TABLE tellings (
    tenant_id       bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    subscription_id bigint NOT NULL,
    name            text NOT NULL,                      -- the same at each try
    kind            text NOT NULL,
    about           bigint NOT NULL,                    -- the message's id, or the notification's
    conversation_id bigint,
    happened_at     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    tries           int NOT NULL DEFAULT 0,
    due_at          timestamptz DEFAULT now(),          -- none: ended
    told_at         timestamptz,                        -- ended without it: given up
    status          int,                                -- of the last answer
    answer          text CHECK (length(answer) <= 1024),
    cause           text,                               -- why the last try failed
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, subscription_id, name),
    CHECK (due_at IS NULL OR told_at IS NULL)
);
CREATE INDEX tellings_due ON tellings (subscription_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tellings_line ON tellings (subscription_id, conversation_id, id) WHERE due_at IS NOT NULL;
CREATE INDEX tellings_ended ON tellings (tenant_id, created_at) WHERE due_at IS NULL;
CREATE INDEX tellings_conversation ON tellings (tenant_id, conversation_id);

-- Hosts that are not of the public internet, and that a tenant's subscriptions may name all the same.
CREATE TABLE private_hosts (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    scheme    text NOT NULL CHECK (scheme IN ('http', 'https')),
    host      text NOT NULL CHECK (host = lower(host) AND host ~ '^[^\s/?#@]+$' AND length(host) <= 253),
    port      int NOT NULL CHECK (port BETWEEN 1 AND 65535),
    PRIMARY KEY (tenant_id, scheme, host, port)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON notifications, subscriptions, positions, tellings, private_hosts
    TO conserje_core;
GRANT SELECT, INSERT ON notifications TO conserje_tenant;
GRANT SELECT ON tellings TO conserje_tenant;
GRANT UPDATE (number) ON statuses TO conserje_tenant;
GRANT USAGE ON SEQUENCE notification_numbers TO conserje_core, conserje_tenant;
GRANT SELECT ON SEQUENCE notification_numbers, messages_id_seq TO conserje_core;
GRANT USAGE ON SEQUENCE subscriptions_id_seq, tellings_id_seq TO conserje_core;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['notifications', 'subscriptions', 'positions', 'tellings', 'private_hosts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)', name);
    END LOOP;
END $$;
