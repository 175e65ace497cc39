-- Channels that every tenant has, the operator's listener, and the senders of tenants without a slug.

-- Of an account whose contacts do not write in bursts; none: the tenant's.
ALTER TABLE accounts ADD COLUMN quiet_period interval
    CONSTRAINT accounts_quiet_period_check CHECK (quiet_period BETWEEN '0' AND '1 minute');
CREATE INDEX accounts_address ON accounts (channel, address);

-- What the operator's own systems say of a tenant.
ALTER TABLE tenants ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT tenants_metadata_check CHECK (jsonb_typeof(metadata) = 'object');

CREATE INDEX tenants_aliases ON tenants USING gin (aliases);

-- Which tenant a sender writes to, where the request names none.
CREATE TABLE sender_tenants (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    phone     text NOT NULL UNIQUE CONSTRAINT sender_tenants_phone_check CHECK (phone ~ '^\+[1-9][0-9]{5,14}$'),
    PRIMARY KEY (tenant_id, phone)
);

-- Who may ask the operator's listener; the key itself is shown once and kept as a hash.
-- Without a tenant it is the operator's, so the tenant cannot begin the primary key.
CREATE TABLE api_keys (
    id         text PRIMARY KEY CHECK (id ~ '^[0-9a-z]{10}$'),
    tenant_id  bigint REFERENCES tenants ON DELETE CASCADE,
    name       text NOT NULL CHECK (name ~ '\S' AND length(name) <= 100),
    hash       bytea NOT NULL CHECK (length(hash) = 32),
    scopes     text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    used_at    timestamptz
);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id);

-- The processes that live, and what each has counted since it started.
CREATE TABLE heartbeats (
    process    text NOT NULL,       -- host and process id
    kind       text NOT NULL CHECK (kind IN ('edge', 'work')),
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    counted    text NOT NULL,       -- telemetry/metrics.py writes and reads it
    PRIMARY KEY (process, kind)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON sender_tenants, api_keys, heartbeats TO conserje_core;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sender_tenants', 'api_keys', 'heartbeats'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
    END LOOP;
END $$;
