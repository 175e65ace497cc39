-- The first schema. Runs as conserje_owner; the roles exist (storage/migrate.py makes them).
-- Every table but tenants starts its key, and its foreign keys, with tenant_id.

CREATE TABLE tenants (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug               text NOT NULL UNIQUE,
    name               text NOT NULL CHECK (name ~ '\S' AND length(name) <= 200),
    status             text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    aliases            text[] NOT NULL DEFAULT '{}',
    locale             text NOT NULL DEFAULT 'es-CL' CHECK (locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    currency           text NOT NULL DEFAULT 'CLP' CHECK (currency ~ '^[A-Z]{3}$'),
    time_zone          text NOT NULL DEFAULT 'America/Santiago'
                       CHECK (now() AT TIME ZONE time_zone IS NOT NULL),  -- an unknown zone is an error
    assistant          text NOT NULL DEFAULT 'catalog',
    fallback_assistant text NOT NULL DEFAULT 'catalog',
    assistant_settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(assistant_settings) = 'object'),
    quiet_period       interval NOT NULL DEFAULT '1 second'
                       CHECK (quiet_period BETWEEN '0' AND '1 minute'),
    longest_wait       interval NOT NULL DEFAULT '8 seconds'
                       CHECK (longest_wait BETWEEN '0' AND '10 minutes'),
    hand_back_after    interval NOT NULL DEFAULT '4 hours' CHECK (hand_back_after > '0'),
    data_key           text CHECK (data_key LIKE 'v1.%'),
    created_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_slug_form
        CHECK (slug ~ '^(?!..--)[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$'),
    CONSTRAINT tenants_slug_reserved
        CHECK (slug NOT IN ('console', 'www', 'api', 'app', 'admin', 'edge', 'status', 'mail', 'smtp',
                            'imap', 'pop', 'ftp', 'ns1', 'ns2', 'static', 'media', 'cdn', 'assets',
                            'localhost', 'wpad', 'isatap', 'autoconfig', 'autodiscover', 'mta-sts'))
);

-- A host outside the base domains that names a tenant.
CREATE TABLE domains (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    host      text NOT NULL UNIQUE CHECK (host ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$'
                                          AND length(host) <= 253),
    PRIMARY KEY (tenant_id, host)
);

-- `channel` is the name of a channel, or of an assistant whose credentials these are.
CREATE TABLE accounts (
    tenant_id   bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    channel     text NOT NULL CHECK (channel ~ '^[a-z][a-z0-9_]{0,39}$'),
    address     text NOT NULL CHECK (address ~ '^\S(.*\S)?$' AND length(address) <= 200),
    settings    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    credentials text CONSTRAINT accounts_credentials_sealed CHECK (credentials LIKE 'v1.%'),
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, channel, address)
);

-- Which of an account's secrets the provider signs with, so that a rotation can be ended.
CREATE TABLE secrets_seen (
    tenant_id  bigint NOT NULL,
    account_id bigint NOT NULL,
    name       text NOT NULL,
    last_seen  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id, name),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);

CREATE TABLE products (
    tenant_id   bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    name        text NOT NULL CHECK (name ~ '\S'),
    price       numeric(14, 2) NOT NULL CHECK (price >= 0),
    stock       int CHECK (stock >= 0),
    category    text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    keywords    text[] NOT NULL DEFAULT '{}',  -- the words people ask for it with
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive')),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);

CREATE TABLE contacts (
    tenant_id  bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    name       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE identities (
    tenant_id  bigint NOT NULL,
    channel    text NOT NULL,
    name       text NOT NULL,
    contact_id bigint NOT NULL,
    PRIMARY KEY (tenant_id, channel, name),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts ON DELETE CASCADE
);
CREATE INDEX identities_contact ON identities (tenant_id, contact_id);

-- One contact with one account. The lease says who thinks its turn; `turn_id` names that turn
-- before it is stored, so that a turn thought again keeps its name.
CREATE TABLE conversations (
    tenant_id      bigint NOT NULL,
    id             bigint GENERATED ALWAYS AS IDENTITY,
    account_id     bigint NOT NULL,
    contact_id     bigint NOT NULL,
    peer           text NOT NULL,  -- where an answer goes
    state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'person', 'held')),
    cause          text,
    hand_back_at   timestamptz,
    next_sequence  bigint NOT NULL DEFAULT 1,
    epoch          bigint NOT NULL DEFAULT 0,
    leased_until   timestamptz,
    turn_id        bigint,         -- with a person: the turn that handed it over
    starts         int NOT NULL DEFAULT 0,
    swept_at       timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, account_id, contact_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX conversations_contact ON conversations (tenant_id, contact_id);
CREATE INDEX conversations_held ON conversations (tenant_id, id) WHERE state = 'held';

CREATE SEQUENCE turn_ids;

-- The conversation that a message belongs to, made where it is not there yet, with its contact.
-- Two that make the same contact at once: the second waits at the unique key and finds the first's.
CREATE FUNCTION conversation_for(tenant bigint, account bigint, via text, sender text, others text[],
                                 contact_name text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    person bigint;
    found_conversation bigint;
BEGIN
    SELECT contact_id INTO person FROM identities
     WHERE tenant_id = tenant AND channel = via AND name = ANY (array_prepend(sender, others))
     ORDER BY name = sender DESC LIMIT 1;
    IF person IS NULL THEN
        INSERT INTO contacts (tenant_id, name) VALUES (tenant, contact_name) RETURNING id INTO person;
        INSERT INTO identities (tenant_id, channel, name, contact_id) VALUES (tenant, via, sender, person)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            DELETE FROM contacts WHERE tenant_id = tenant AND id = person;
            SELECT contact_id INTO STRICT person FROM identities
             WHERE tenant_id = tenant AND channel = via AND name = sender;
        END IF;
    END IF;
    INSERT INTO identities (tenant_id, channel, name, contact_id)
    SELECT tenant, via, other, person FROM unnest(array_prepend(sender, others)) AS other ORDER BY other
    ON CONFLICT DO NOTHING;
    UPDATE contacts SET name = contact_name
     WHERE tenant_id = tenant AND id = person AND name = '' AND contact_name <> '';
    INSERT INTO conversations (tenant_id, account_id, contact_id, peer)
    VALUES (tenant, account, person, sender)
    ON CONFLICT (tenant_id, account_id, contact_id) DO UPDATE SET peer = excluded.peer
    RETURNING id INTO found_conversation;
    RETURN found_conversation;
END $$;

CREATE TABLE turns (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    id              bigint NOT NULL,
    assistant       text NOT NULL,
    intent          text,
    confidence      real,
    usage           jsonb NOT NULL DEFAULT '{}',
    cause           text,                 -- why the first choice of assistant did not answer
    waited          interval NOT NULL,    -- from the oldest message to the start of thinking
    thought         interval NOT NULL,
    settled_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, conversation_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);

CREATE TABLE messages (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    account_id      bigint NOT NULL,
    direction       text NOT NULL CHECK (direction IN ('in', 'out')),
    content         text NOT NULL,        -- contract/message.py writes and reads it
    created_at      timestamptz NOT NULL DEFAULT now(),  -- the same clock as its job's due time
    turn_id         bigint,               -- in: the turn that answers it; out: the turn that says it
    provider_id     text,
    event_key       bytea,                -- in: a hash of the channel's key
    sequence        bigint,               -- out: its place in the conversation, and all below
    state           text CHECK (state IN ('queued', 'sending', 'uncertain', 'refused', 'held',
                                          'sent', 'failed', 'delivered', 'read')),
    attempt         int NOT NULL DEFAULT 0,
    attempted_at    timestamptz,
    due_at          timestamptz,          -- not before, when the provider asked for patience
    sent_at         timestamptz,
    cause           text,
    PRIMARY KEY (tenant_id, conversation_id, id),
    UNIQUE (tenant_id, account_id, event_key),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
    CHECK ((direction = 'in') = (event_key IS NOT NULL)),
    CHECK ((direction = 'out') = (state IS NOT NULL AND sequence IS NOT NULL))
);
CREATE INDEX messages_unanswered ON messages (tenant_id, conversation_id, id)
    WHERE direction = 'in' AND turn_id IS NULL;
CREATE UNIQUE INDEX messages_out ON messages (tenant_id, id) WHERE direction = 'out';
CREATE INDEX messages_undelivered ON messages (tenant_id, conversation_id, sequence)
    WHERE state IN ('queued', 'sending', 'uncertain');
CREATE INDEX messages_held ON messages (tenant_id, id) WHERE state = 'held';
CREATE INDEX messages_provider ON messages (tenant_id, account_id, provider_id)
    WHERE direction = 'out' AND provider_id IS NOT NULL;

-- How far a message has come; a report of less than is known changes nothing.
CREATE FUNCTION state_rank(state text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE state WHEN 'queued' THEN 0 WHEN 'sending' THEN 1 WHEN 'uncertain' THEN 1 WHEN 'held' THEN 1
                      WHEN 'sent' THEN 2 WHEN 'failed' THEN 3 WHEN 'delivered' THEN 4 WHEN 'read' THEN 5
                      ELSE 9 END
$$;

-- Status callbacks, also those that come before the answer to the sending.
CREATE TABLE statuses (
    tenant_id   bigint NOT NULL,
    account_id  bigint NOT NULL,
    event_key   bytea NOT NULL,
    message_id  bigint,
    provider_id text NOT NULL,
    status      text NOT NULL CHECK (status IN ('sent', 'delivered', 'read', 'failed')),
    cause       text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id, event_key),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);
CREATE INDEX statuses_provider ON statuses (tenant_id, account_id, provider_id);

-- What was taken from a provider and could not be read or stored, as it came.
CREATE TABLE rejects (
    tenant_id  bigint NOT NULL,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    account_id bigint NOT NULL,
    event_key  bytea NOT NULL,
    raw        text NOT NULL,
    cause      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, account_id, event_key),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);

-- Changes to tenants, for those whose notification was lost. Rows older than an hour are pruned.
CREATE TABLE tenant_changes (
    tenant_id  bigint NOT NULL,
    changed_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, changed_by)
);
CREATE INDEX tenant_changes_by ON tenant_changes (changed_by);

-- One function for three tables and three kinds of statement: transition tables give the ids.
-- A payload holds at most 8000 bytes; '*' says that everything may have changed.
CREATE FUNCTION announce(ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF ids IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO tenant_changes (tenant_id) SELECT unnest(ids) ON CONFLICT DO NOTHING;
    PERFORM pg_notify('conserje_tenants',
                      CASE WHEN cardinality(ids) <= 300 THEN array_to_string(ids, ',') ELSE '*' END);
END $$;

CREATE FUNCTION tenants_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'tenants' THEN
        PERFORM announce(array_agg(DISTINCT id)) FROM changed;
    ELSIF TG_OP = 'UPDATE' THEN  -- a row may leave one tenant for another
        PERFORM announce(array_agg(DISTINCT tenant_id))
        FROM (SELECT tenant_id FROM changed UNION SELECT tenant_id FROM replaced) AS both_sides;
    ELSE
        PERFORM announce(array_agg(DISTINCT tenant_id)) FROM changed;
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'domains', 'accounts'] LOOP
        EXECUTE format('CREATE TRIGGER announce_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS changed '
                       'FOR EACH STATEMENT EXECUTE FUNCTION tenants_changed()', name);
        EXECUTE format('CREATE TRIGGER announce_update AFTER UPDATE ON %I '
                       'REFERENCING OLD TABLE AS replaced NEW TABLE AS changed '
                       'FOR EACH STATEMENT EXECUTE FUNCTION tenants_changed()', name);
        EXECUTE format('CREATE TRIGGER announce_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS changed '
                       'FOR EACH STATEMENT EXECUTE FUNCTION tenants_changed()', name);
    END LOOP;
END $$;

-- Row-level security. conserje_core sees all (directory, intake, queue); conserje_tenant sees the
-- tenant named by the setting conserje.tenant, and an error where none is named.
GRANT USAGE ON SCHEMA public TO conserje_core, conserje_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO conserje_core;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO conserje_core, conserje_tenant;
GRANT SELECT ON tenants, domains, accounts, products, identities, statuses TO conserje_tenant;
GRANT SELECT, INSERT, UPDATE ON contacts, conversations, turns, messages TO conserje_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON products TO conserje_tenant;
GRANT SELECT ON secrets_seen, rejects, tenant_changes TO conserje_tenant;

DO $$
DECLARE
    name text;
    key  text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations' LOOP
        key := CASE WHEN name = 'tenants' THEN 'id' ELSE 'tenant_id' END;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (%I = current_setting(''conserje.tenant'')::bigint)', name, key);
    END LOOP;
END $$;
