-- Works with processes of schema 7.
-- Conversations of a flood whose turns are not in the queue: each turn that ends brings its tenant's next.

CREATE TABLE overflow (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    message_id      bigint NOT NULL,  -- the first that waits so: the order in which they are brought
    PRIMARY KEY (tenant_id, conversation_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);
CREATE INDEX overflow_next ON overflow (tenant_id, message_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON overflow TO conserje_core;
ALTER TABLE overflow ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON overflow TO conserje_owner, conserje_core USING (true);
