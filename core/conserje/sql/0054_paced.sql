-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- What waits for its account's pace, in the order of leaving. Nobody who writes waits for an index.

-- An index whose making was broken off is there and of no use.
DO $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    IF EXISTS (SELECT FROM pg_index WHERE NOT indisvalid AND indexrelid = to_regclass('messages_paced')) THEN
        DROP INDEX messages_paced;
    END IF;
END $$
-- Next step
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_paced ON messages (tenant_id, account_id, due_at, id)
    WHERE state = 'paced'
