-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- What waits for an account that is ill, and the replies of a conversation that do. Nobody who writes waits.
DROP INDEX CONCURRENTLY IF EXISTS conversations_ill
-- Next step
CREATE INDEX CONCURRENTLY conversations_ill ON conversations (tenant_id, account_id, ill_since, id)
    WHERE ill_since IS NOT NULL
-- Next step
DROP INDEX CONCURRENTLY IF EXISTS messages_fault
-- Next step
CREATE INDEX CONCURRENTLY messages_fault ON messages (tenant_id, conversation_id, sequence)
    WHERE fault IS NOT NULL
