-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- What finds the latest of a long history, and the messages of one turn. Nobody who writes waits for an index.

-- An index whose making was broken off is there and of no use.
DO $$
DECLARE
    name text;
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    FOR name IN SELECT indexrelid::regclass FROM pg_index
                WHERE NOT indisvalid AND indrelid IN ('messages'::regclass, 'turns'::regclass,
                                                      'conversations'::regclass, 'notices'::regclass) LOOP
        EXECUTE format('DROP INDEX %s', name);
    END LOOP;
END $$
-- Next step
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS messages_id ON messages (tenant_id, id)
-- Next step
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_turn ON messages (tenant_id, conversation_id, turn_id)
    WHERE turn_id IS NOT NULL
-- Next step
CREATE INDEX CONCURRENTLY IF NOT EXISTS turns_id ON turns (tenant_id, id)
-- Next step
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_active ON conversations (tenant_id, active_at)
-- Next step
CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_person ON conversations (tenant_id, hand_back_at)
    WHERE state = 'person'
-- Next step
CREATE INDEX CONCURRENTLY IF NOT EXISTS notices_waiting ON notices (tenant_id, conversation_id, due_at)
    WHERE due_at IS NOT NULL
-- Next step
-- Of the business's own messages only: messages_id has those of both.
DROP INDEX CONCURRENTLY IF EXISTS messages_out
