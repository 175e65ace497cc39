-- Works with processes of schema 3.
-- Files that contacts sent: wanted from the provider, kept in the data directory, or gone.

CREATE TABLE files (
    tenant_id       bigint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    account_id      bigint NOT NULL,
    conversation_id bigint NOT NULL,
    message_id      bigint NOT NULL,
    position        int NOT NULL,          -- among the message's files
    ref             text NOT NULL,         -- the provider's
    name            text NOT NULL,
    content_type    text NOT NULL,         -- as the sender says; of a kept one as its bytes say
    state           text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'kept', 'gone')),
    cause           text,                  -- why it is not kept
    tries           int NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),  -- not before, also because somebody collects it
    bytes           bigint,
    sha256          bytea,
    created_at      timestamptz NOT NULL DEFAULT now(),
    kept_at         timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id, message_id) REFERENCES messages ON DELETE CASCADE,
    CHECK ((state = 'kept') = (bytes IS NOT NULL AND sha256 IS NOT NULL AND kept_at IS NOT NULL))
);
CREATE INDEX files_message ON files (tenant_id, conversation_id, message_id);
CREATE INDEX files_wanted ON files (due_at) WHERE state = 'wanted';

-- Whose rows are gone, with their message or their tenant: a worker removes them from the disk.
CREATE TABLE removed_files (
    tenant_id bigint NOT NULL,
    id        bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE FUNCTION files_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO removed_files SELECT tenant_id, id FROM removed ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER note_removed AFTER DELETE ON files REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION files_removed();

GRANT SELECT, INSERT, UPDATE, DELETE ON files, removed_files TO conserje_core;
GRANT SELECT, UPDATE ON files TO conserje_tenant;

ALTER TABLE files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON files TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON files TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
ALTER TABLE removed_files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON removed_files TO conserje_owner, conserje_core USING (true);
