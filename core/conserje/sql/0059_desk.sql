-- Works with processes of schema 7.
-- The desk: by which login a conversation was taken, and what each login has read of it.

-- Of whoever has it, where `person` says that somebody does: a process of an earlier release leaves it behind.
ALTER TABLE conversations ADD COLUMN login_id bigint;

-- What came after `message_id` is unread by the login.
CREATE TABLE reads (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    login_id        bigint NOT NULL,
    message_id      bigint NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, login_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON reads TO conserje_core;
GRANT SELECT, INSERT, UPDATE, DELETE ON reads TO conserje_tenant;
ALTER TABLE reads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON reads TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON reads TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
