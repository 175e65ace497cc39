-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- What finds the oldest of what goes by its age. Nobody who writes waits.
DROP INDEX CONCURRENTLY IF EXISTS statuses_age
-- Next step
CREATE INDEX CONCURRENTLY statuses_age ON statuses (tenant_id, created_at)
-- Next step
DROP INDEX CONCURRENTLY IF EXISTS notices_ended
-- Next step
CREATE INDEX CONCURRENTLY notices_ended ON notices (tenant_id, created_at) WHERE due_at IS NULL
