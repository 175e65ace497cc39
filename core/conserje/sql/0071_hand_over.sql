-- Works with processes of schema 7.
-- The end of a turn in one round trip, also where a person is called or something was asked that nobody has said.

-- As that of schema 67, which processes of earlier releases call. Where the conversation is `handed` over, it is a
-- person's for so long, and it is noted that this happened and by which `ways` the tenant is told of it, with a job. The
-- `questions` are counted by what is `meant`, of which at most `kept` stay.
CREATE FUNCTION settle_turn(
    tenant bigint, place bigint, lease bigint, reads bigint[], words text[], since interval, followed boolean,
    turn_no bigint, who text, wish text, sure real, used text, why text, waiting interval, thinking interval,
    says text[], answers text, tells text, calling text, handed interval, ways text[], meant text[],
    questions text[], kept int
) RETURNS TABLE (id bigint, account_id bigint, contact_address text, settled_at timestamptz)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    is_new boolean;
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
                           told, calls, handed_over)
        VALUES (tenant, place, turn_no, who, wish, sure, used::jsonb, why, waiting, thinking, tells, calling::jsonb,
                handed IS NOT NULL)
    ), moved AS (
        UPDATE conversations SET leased_until = NULL, starts = 0, cause = NULL, active_at = now(),
            next_sequence = next_sequence + cardinality(says),
            turn_id = CASE WHEN handed IS NOT NULL THEN turn_no END,
            state = CASE WHEN handed IS NULL THEN 'open' ELSE 'person' END,
            hand_back_at = now() + handed, person = NULL, login_id = NULL
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
    IF handed IS NOT NULL THEN
        INSERT INTO notifications (tenant_id, kind, conversation_id, data)
        VALUES (tenant, 'conversation.handed_over', place,
                jsonb_build_object('turn', turn_no, 'assistant', who, 'intent', wish));
        INSERT INTO notices (tenant_id, conversation_id, turn_id, kind)
        SELECT tenant, place, turn_no, way FROM unnest(ways) AS way ON CONFLICT DO NOTHING;
    END IF;
    IF meant <> '{}' THEN
        WITH noted AS (
            INSERT INTO asked (tenant_id, key, question)
            SELECT tenant, key, question FROM unnest(meant, questions) AS noted (key, question)
            ON CONFLICT (tenant_id, key) DO UPDATE SET (times, last_at) = (asked.times + 1, now())
            RETURNING times = 1 AS first
        )
        SELECT bool_or(first) INTO is_new FROM noted;
        IF is_new THEN  -- else there are no more than there were
            DELETE FROM asked
            WHERE tenant_id = tenant AND key = ANY (ARRAY(
                SELECT key FROM asked WHERE tenant_id = tenant
                ORDER BY times DESC, last_at DESC OFFSET kept FOR UPDATE SKIP LOCKED));
        END IF;
    END IF;
    IF handed IS NOT NULL AND ways <> '{}' THEN
        PERFORM set_config('role', 'conserje_core', true);  -- whose the queue is
        INSERT INTO pgqueuer.pgqueuer (entrypoint, payload, priority, execute_after, status)
        VALUES ('notify', int8send(tenant) || int8send(place) || int8send(0), 0, now(), 'queued');
        PERFORM set_config('role', 'conserje_tenant', true);
    END IF;
END $$;
