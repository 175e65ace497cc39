-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- The activity of the conversations that were there before 0015, some pages of the table at a time.
DO $$
DECLARE
    pages CONSTANT bigint := pg_relation_size('conversations') / current_setting('block_size')::bigint;
    step  CONSTANT bigint := 20;
    page  bigint := 0;
    tries int := 0;
BEGIN
    WHILE page <= pages LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '500ms', true);
            UPDATE conversations SET active_at = latest.created_at
            FROM conversations AS place CROSS JOIN LATERAL (
                SELECT created_at FROM messages
                WHERE tenant_id = place.tenant_id AND conversation_id = place.id ORDER BY id DESC LIMIT 1) AS latest
            WHERE place.ctid >= format('(%s,0)', page)::tid AND place.ctid < format('(%s,0)', page + step)::tid
              AND conversations.tenant_id = place.tenant_id AND conversations.id = place.id
              AND conversations.active_at > latest.created_at;
            page := page + step;
            tries := 0;
            IF page % 2000 = 0 THEN
                RAISE NOTICE 'The activity of conversations: % of % pages are done.', least(page, pages), pages;
            END IF;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            tries := tries + 1;
            IF tries > 100 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.1);
        END;
        COMMIT;
    END LOOP;
END $$;
