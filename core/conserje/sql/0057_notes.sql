-- Works with processes of schema 7.
-- What a tenant's people note about a conversation; no contact is shown it. Whether a turn called a person.

CREATE TABLE notes (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    author          text NOT NULL CHECK (length(author) <= 100),
    text            text NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, conversation_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);
CREATE INDEX notes_aged ON notes (tenant_id, created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO conserje_core;
GRANT SELECT, INSERT, DELETE ON notes TO conserje_tenant;
GRANT USAGE ON SEQUENCE notes_id_seq TO conserje_core;

ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON notes TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON notes TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);

ALTER TABLE turns ADD COLUMN handed_over boolean NOT NULL DEFAULT false;  -- what was before counts as none
