-- Works with processes of schema 7.
-- In steps: it commits by itself, and begins anew where it was broken off.
-- Rows are of many conversations and contacts, also where the last ANALYZE saw those of one alone: whatever looks for
-- those of one, foreign keys as well, would read all of the table for each then. It holds from the next ANALYZE on.
-- Nobody who reads or writes waits.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['consents', 'costs', 'effects', 'files', 'leads', 'messages', 'notes', 'notices',
                                'notifications', 'presences', 'reads', 'reservations', 'tellings', 'turns'] LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN conversation_id SET (n_distinct = -0.1)', name);
        COMMIT;
    END LOOP;
    FOREACH name IN ARRAY ARRAY['contact_costs', 'contact_files', 'conversations', 'identities', 'leads'] LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN contact_id SET (n_distinct = -0.5)', name);
        COMMIT;
    END LOOP;
END $$
