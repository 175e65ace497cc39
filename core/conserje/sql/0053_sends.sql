-- Works with processes of schema 7.
-- Sends: what a business says of its own accord waits until its account's pace lets it leave.

-- `paced`: it waits for that, and no process of an earlier release looks at it.
-- `said_by`: who of the business said it, where it is no answer: an API key's id, or `operator`.
-- `released_at`: since when it may leave.
ALTER TABLE messages
    ADD COLUMN said_by text,
    ADD COLUMN released_at timestamptz,
    DROP CONSTRAINT messages_state_check,
    ADD CONSTRAINT messages_state_check CHECK (state IN (
        'paced', 'queued', 'sending', 'uncertain', 'refused', 'held', 'sent', 'failed', 'delivered', 'read'))
        NOT VALID;  -- what is there has been checked

CREATE OR REPLACE FUNCTION state_rank(state text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE state WHEN 'paced' THEN 0 WHEN 'queued' THEN 0 WHEN 'sending' THEN 1 WHEN 'uncertain' THEN 1
                      WHEN 'held' THEN 1 WHEN 'sent' THEN 2 WHEN 'failed' THEN 3 WHEN 'delivered' THEN 4
                      WHEN 'read' THEN 5 ELSE 9 END
$$;

-- Until when the contact has had enough of what the business says of its own accord, but for a burst.
ALTER TABLE conversations ADD COLUMN said_until timestamptz;

CREATE TABLE paces (
    tenant_id  bigint NOT NULL,
    account_id bigint NOT NULL,
    next_at    timestamptz NOT NULL DEFAULT now(),  -- when the next one may leave
    job_at     timestamptz,                         -- when the job comes that lets it; none: nothing waits
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);

-- Who says something first to a contact makes them, as intake does of who writes first.
GRANT INSERT ON identities TO conserje_tenant;
GRANT DELETE ON contacts TO conserje_tenant;
GRANT UPDATE ON forgotten_addresses TO conserje_tenant;

GRANT SELECT, INSERT, UPDATE, DELETE ON paces TO conserje_core;
GRANT SELECT, INSERT, UPDATE ON paces TO conserje_tenant;
ALTER TABLE paces ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON paces TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON paces TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
