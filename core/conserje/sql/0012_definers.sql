-- Works with processes of schema 7.
-- A function with its owner's rights is the triggers' alone: anybody could call it, or hang it on a table of theirs.
DO $$
DECLARE
    definer regprocedure;
BEGIN
    FOR definer IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prosecdef AND pg_get_userbyid(proowner) = 'conserje_owner'
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', definer);
    END LOOP;
END $$;
