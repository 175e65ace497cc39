-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- What changed of late is found by its time, by whoever writes it where a restored installation finds it.

DO $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('consents_made') AND NOT indisvalid) THEN
        DROP INDEX consents_made;
    END IF;
END $$
-- Next step
CREATE INDEX CONCURRENTLY IF NOT EXISTS consents_made ON consents (created_at)
