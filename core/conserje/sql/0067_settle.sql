-- Works with processes of schema 7.
-- The end of a turn in one round trip, where its reply may leave at once.

-- Ends the turn of the `lease` as `state.SETTLE` does, and takes the first message of the reply in hand: if the
-- unanswered messages are those that were read, and say the same `words`, nothing waits to leave before it, and
-- neither the contact's will, an address that is gone nor an illness changes what leaves; where `since` is given, if
-- one of those messages is younger. The `followed` are looked at again. Else no row, and nothing is changed.
CREATE FUNCTION settle_turn(
    tenant bigint, place bigint, lease bigint, reads bigint[], words text[], since interval, followed boolean,
    turn_no bigint, who text, wish text, sure real, used text, why text, waiting interval, thinking interval,
    says text[], answers text, tells text, calling text
) RETURNS TABLE (id bigint, account_id bigint, contact_address text, settled_at timestamptz)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    PERFORM act_for(tenant);
    PERFORM FROM conversations
    WHERE tenant_id = tenant AND id = place AND epoch = lease AND opted_out IS NULL AND peer <> '' AND ill_since IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND
       OR EXISTS (SELECT FROM messages WHERE tenant_id = tenant AND conversation_id = place
                  AND state IN ('queued', 'sending', 'uncertain'))
       OR EXISTS (SELECT FROM conversations JOIN illnesses USING (tenant_id, account_id)
                  WHERE tenant_id = tenant AND conversations.id = place AND well_at IS NULL)
       OR (SELECT array_agg(id ORDER BY id) IS DISTINCT FROM reads
               OR array_agg(content ORDER BY id) IS DISTINCT FROM words
               OR since IS NOT NULL AND coalesce(
                   max(created_at) FILTER (WHERE kind IS DISTINCT FROM 'note') <= now() - since, true)
           FROM (SELECT * FROM messages
                 WHERE tenant_id = tenant AND conversation_id = place AND direction = 'in' AND turn_id IS NULL
                 ORDER BY id FOR NO KEY UPDATE) AS unanswered) THEN
        RETURN;
    END IF;
    IF followed THEN
        PERFORM pg_notify('conserje_feed', tenant || ':' || place);
    END IF;
    RETURN QUERY
    WITH answered AS (
        UPDATE messages SET turn_id = turn_no
        WHERE tenant_id = tenant AND conversation_id = place AND id = ANY (reads)
          AND direction = 'in' AND turn_id IS NULL  -- as they were seen to be: their index has few
    ), turn AS (
        INSERT INTO turns (tenant_id, conversation_id, id, assistant, intent, confidence, usage, cause, waited, thought,
                           told, calls)
        VALUES (tenant, place, turn_no, who, wish, sure, used::jsonb, why, waiting, thinking, tells, calling::jsonb)
    ), moved AS (
        UPDATE conversations SET leased_until = NULL, starts = 0, cause = NULL, active_at = now(),
            next_sequence = next_sequence + cardinality(says), turn_id = NULL, state = 'open', hand_back_at = NULL,
            person = NULL, login_id = NULL
        WHERE tenant_id = tenant AND id = place
        RETURNING *
    ), spoken AS (
        INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, turn_id, sequence,
                              state, attempt, attempted_at, quotes)
        SELECT tenant, place, moved.account_id, 'out', said.content, kind_of(said.content), turn_no,
               moved.next_sequence - cardinality(says) + said.n - 1,
               CASE WHEN said.n = 1 THEN 'sending' ELSE 'queued' END, (said.n = 1)::int,
               CASE WHEN said.n = 1 THEN now() END, CASE WHEN said.n = 1 THEN answers END
        FROM moved, unnest(says) WITH ORDINALITY AS said (content, n)
        RETURNING *
    )
    SELECT spoken.id, spoken.account_id, moved.peer, now() FROM spoken, moved WHERE spoken.state = 'sending';
END $$;
