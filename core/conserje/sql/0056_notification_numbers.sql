-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- What finds the next messages and statuses to tell of. Nobody who writes waits.
DROP INDEX CONCURRENTLY IF EXISTS messages_sent_number
-- Next step
CREATE INDEX CONCURRENTLY messages_sent_number ON messages (tenant_id, sent_number) WHERE sent_number IS NOT NULL
-- Next step
DROP INDEX CONCURRENTLY IF EXISTS statuses_number
-- Next step
CREATE INDEX CONCURRENTLY statuses_number ON statuses (tenant_id, number) WHERE number IS NOT NULL
