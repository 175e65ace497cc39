-- Works with processes of schema 7.
-- The claim of a turn in one round trip, where nothing stands in its way.

CREATE TYPE said AS (  -- a message, as a turn reads it
    id          bigint,
    direction   text,
    content     text,
    created_at  timestamptz,
    quoted      text,
    provider_id text,
    late        boolean
);

-- Leases the conversation out, if `newest` is the last of what is unanswered in it (0: whatever is), nobody thinks
-- about it or has tried to, and a person, a consent, an illness or a message that is older than `late_after` changes
-- nothing. Else no row, and nothing is changed.
CREATE FUNCTION claim_turn(
    tenant bigint, place bigint, newest bigint, lock_limit int, lease interval, recent interval, most_turns int,
    read int, context interval, emptied text, late_after interval
) RETURNS TABLE (
    account_id bigint, contact_id bigint, contact_name text, contact_address text, epoch bigint, turn_id bigint,
    recent_since timestamptz, recent_turns bigint, summary text, claimed_at timestamptz,
    unanswered said[], history said[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$  -- else each connection plans all of it six times
#variable_conflict use_column
DECLARE
    waiting said[];
    past said[];
BEGIN
    PERFORM act_for(tenant), set_config('lock_timeout', lock_limit::text, true);
    PERFORM FROM conversations
    WHERE tenant_id = tenant AND id = place AND state = 'open' AND starts = 0 AND peer <> ''
      AND opted_out IS DISTINCT FROM 'all' AND coalesce(leased_until <= now(), true) AND ill_since IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM conversations JOIN illnesses USING (tenant_id, account_id)
               WHERE tenant_id = tenant AND conversations.id = place AND well_at IS NULL) THEN
        RETURN;
    END IF;
    waiting := ARRAY(
        SELECT (id, direction, content, created_at, said_by(tenant_id, conversation_id, quotes), provider_id,
                late_by IS NOT NULL)::said
        FROM messages
        WHERE tenant_id = tenant AND conversation_id = place AND direction = 'in' AND turn_id IS NULL
        ORDER BY id LIMIT 200);
    IF waiting = '{}' OR (waiting[cardinality(waiting)]).id <> newest AND newest <> 0
       OR EXISTS (SELECT FROM unnest(waiting) AS each WHERE each.late OR each.created_at < now() - late_after) THEN
        RETURN;
    END IF;
    past := ARRAY(
        SELECT (id, direction, content, created_at, said_by(tenant_id, conversation_id, quotes), NULL, NULL)::said
        FROM (SELECT * FROM messages
              WHERE tenant_id = tenant AND conversation_id = place AND id < waiting[1].id
                AND turn_id IS DISTINCT FROM -1
              ORDER BY id DESC LIMIT read) AS latest
        WHERE created_at > now() - context AND content <> emptied
        ORDER BY id);
    RETURN QUERY
    UPDATE conversations AS c SET epoch = c.epoch + 1, leased_until = now() + lease, starts = c.starts + 1,
        turn_id = coalesce(c.turn_id, nextval('turn_ids')), hand_back_at = NULL, person = NULL, login_id = NULL
    WHERE c.tenant_id = tenant AND c.id = place
    RETURNING c.account_id, c.contact_id,
        (SELECT name FROM contacts WHERE contacts.tenant_id = tenant AND contacts.id = c.contact_id), c.peer,
        c.epoch, c.turn_id, greatest(now() - recent, c.unparked_at),
        (SELECT count(*) FROM conversations AS theirs CROSS JOIN LATERAL (
            SELECT assistant, settled_at FROM turns WHERE turns.tenant_id = tenant
              AND turns.conversation_id = theirs.id ORDER BY turns.id DESC LIMIT most_turns) AS turn
         WHERE theirs.tenant_id = tenant AND theirs.contact_id = c.contact_id
           AND turn.settled_at > greatest(now() - recent, c.unparked_at)
           AND turn.assistant NOT IN ('person', 'consent', 'machine')),
        coalesce((SELECT text FROM summaries WHERE summaries.tenant_id = tenant
                  AND summaries.conversation_id = place AND since > now() - context), ''),
        now(), waiting, past;
END $$;
