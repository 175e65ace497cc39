-- Works with processes of schema 3.
-- Notices to tenants: a conversation was handed over to a person.

ALTER TABLE tenants
    ADD COLUMN notice_url text
        CHECK (notice_url ~ '^https?://[^\s/?#@]+(/[^\s#]*)?$' AND length(notice_url) <= 2000),
    ADD COLUMN notice_email text
        CHECK (notice_email ~ '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$'
               AND length(notice_email) <= 254);

CREATE TABLE notices (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    turn_id         bigint NOT NULL,                    -- the turn that handed over
    kind            text NOT NULL CHECK (kind IN ('webhook', 'email')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    tries           int NOT NULL DEFAULT 0,
    due_at          timestamptz DEFAULT now(),          -- not before, also because somebody sends it; none: ended
    sent_at         timestamptz,                        -- ended without it: given up
    cause           text,                               -- why the last try failed
    PRIMARY KEY (tenant_id, conversation_id, id),
    UNIQUE (tenant_id, conversation_id, turn_id, kind), -- one hand-over is told of once
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
    CHECK (due_at IS NULL OR sent_at IS NULL)
);
CREATE INDEX notices_due ON notices (due_at) WHERE due_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON notices TO conserje_core;
GRANT SELECT, INSERT, UPDATE ON notices TO conserje_tenant;
ALTER TABLE notices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON notices TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON notices TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
