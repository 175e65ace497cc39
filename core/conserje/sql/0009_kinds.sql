-- Works with processes of schema 7.
-- In steps: it commits by itself, and begins anew where it was broken off.
-- The kind of the messages that were there before 0008, some pages of the table at a time.
DO $$
DECLARE
    pages CONSTANT bigint := pg_relation_size('messages') / current_setting('block_size')::bigint;
    step  CONSTANT bigint := 200;
    page  bigint := 0;
    tries int := 0;
BEGIN
    WHILE page <= pages LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '500ms', true);
            UPDATE messages SET kind = kind_of(content)
            WHERE ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + step)::tid
              AND kind IS NULL;
            page := page + step;
            tries := 0;
            IF page % 20000 = 0 THEN
                RAISE NOTICE 'The kinds of messages: % of % pages are done.', least(page, pages), pages;
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
