-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- What finds the next that goes of what nobody could read, and of the forgotten. Nobody who writes waits.
DROP INDEX CONCURRENTLY IF EXISTS rejects_going
-- Next step
CREATE INDEX CONCURRENTLY rejects_going ON rejects (tenant_id, goes_at)
-- Next step
DROP INDEX CONCURRENTLY IF EXISTS rejects_told
-- Next step
CREATE INDEX CONCURRENTLY rejects_told ON rejects (goes_at, tenant_id) WHERE dropped_at IS NULL
-- Next step
DROP INDEX CONCURRENTLY IF EXISTS forgotten_addresses_going
-- Next step
CREATE INDEX CONCURRENTLY forgotten_addresses_going ON forgotten_addresses (tenant_id, forgotten_at)
    WHERE opted_out IS NULL
-- Next step
DROP INDEX CONCURRENTLY IF EXISTS forgotten_addresses_made
-- Next step
CREATE INDEX CONCURRENTLY forgotten_addresses_made ON forgotten_addresses (forgotten_at)
