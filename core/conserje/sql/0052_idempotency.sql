-- Works with processes of schema 7.
-- What was answered to a request under its Idempotency-Key, stored with what the request made.

CREATE TABLE idempotency_keys (
    tenant_id   bigint REFERENCES tenants ON DELETE CASCADE,  -- none: what is the installation's
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),  -- of the request
    status      int NOT NULL CHECK (status BETWEEN 200 AND 299),
    location    text,
    body        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (tenant_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (tenant_id, created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO conserje_core;
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO conserje_tenant;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON idempotency_keys TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON idempotency_keys TO conserje_tenant
    USING (tenant_id = current_setting('conserje.tenant')::bigint);
