-- Works with processes of schema 7.
-- Plans rest on what Postgres knows of a table. Of one that grows from nothing it learns that after a minute or
-- more, and until then looks for one conversation among all of a tenant's. So it is told sooner, by whoever works.
CREATE FUNCTION analyze_grown() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grown regclass;
BEGIN
    FOR grown IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relowner = current_user::text::regrole
          AND relnamespace IN ('public'::regnamespace, 'pgqueuer'::regnamespace)
          AND pg_relation_size(oid) > 4 * greatest(relpages, 2) * current_setting('block_size')::bigint
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', grown);
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION analyze_grown() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_grown() TO conserje_core;
