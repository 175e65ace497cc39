-- Works with processes of schema 7.
-- What people say often, prepared; who looks at a conversation just now.

CREATE TABLE prepared_answers (
    tenant_id  bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 60),
    text       text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX prepared_answers_title ON prepared_answers (tenant_id, lower(title));

-- One row for each who looks, by the number of their login; who was seen before `presence.LASTS` is gone.
CREATE TABLE presences (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    login_id        bigint NOT NULL,
    name            text NOT NULL CHECK (length(name) <= 100),
    writes          boolean NOT NULL,
    seen_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, conversation_id, login_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON prepared_answers, presences TO conserje_core, conserje_tenant;
GRANT USAGE ON SEQUENCE prepared_answers_id_seq TO conserje_core;

ALTER TABLE prepared_answers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON prepared_answers TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON prepared_answers TO conserje_tenant
    USING (tenant_id = current_setting('conserje.tenant')::bigint);
ALTER TABLE presences ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON presences TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON presences TO conserje_tenant
    USING (tenant_id = current_setting('conserje.tenant')::bigint);
