-- Works with processes of schema 7.
-- The end of a sending by one call.

-- From here on the transaction sees this tenant's rows and no others, as `storage.scope` has it. One that is a tenant's
-- already stays that one's. What reads comes in a statement after it: the policies are looked at first.
CREATE FUNCTION act_for(tenant bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'conserje_tenant' THEN
        PERFORM set_config('role', 'conserje_tenant', true), set_config('conserje.tenant', tenant::text, true);
    END IF;
END $$;

-- The dearest share of the month's bound that is reached with so much more, and of which nobody was told. The sums are
-- those from before the statement that asks.
CREATE FUNCTION share_reached(tenant bigint, today date, bound bigint, more bigint) RETURNS int
LANGUAGE plpgsql STABLE AS $$  -- which keeps plans
BEGIN
    RETURN (
        SELECT max(percent) FROM unnest(ARRAY[80, 100]) AS level (percent)
        WHERE coalesce(more, 0) + (
            SELECT coalesce(sum(micros), 0) FROM daily_costs
            WHERE tenant_id = tenant AND day >= date_trunc('month', today)::date
              AND day < (date_trunc('month', today) + interval '1 month')::date) >= bound * percent / 100
          AND NOT EXISTS (
            SELECT FROM cost_warnings
            WHERE tenant_id = tenant AND month = date_trunc('month', today)::date AND percent >= level.percent));
END $$;

-- The provider has the message: its row and, with a channel, what it costs. `account` comes back where reports of it
-- came before or have moved it on, `warning` where somebody is to be told of the month's bound, `more` says whether
-- another message waits. Alone, as a transaction of its own, it does nothing where more follows than that, and is not
-- done.
CREATE FUNCTION note_sent(
    tenant bigint, alone boolean, conversation bigint, message bigint, tried int, provider text, zone text,
    channel text, tariff text, land text, parts int, price bigint, bound bigint,
    OUT done boolean, OUT account bigint, OUT warning int, OUT more boolean
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    today date := (now() AT TIME ZONE zone)::date;
    is_told boolean;
    is_taken boolean;
BEGIN
    PERFORM act_for(tenant);
    -- What follows in the same transaction locks the conversation: it is locked before its message is.
    PERFORM FROM conversations WHERE tenant_id = tenant AND id = conversation FOR SHARE;
    account := (SELECT account_id FROM messages
                WHERE tenant_id = tenant AND conversation_id = conversation AND id = message);
    is_told := EXISTS (SELECT FROM statuses
                       WHERE tenant_id = tenant AND account_id = account AND provider_id = provider);
    IF channel IS NOT NULL AND bound > 0 THEN
        warning := share_reached(tenant, today, bound, price);
    END IF;
    done := NOT (alone AND (is_told OR warning IS NOT NULL));
    IF NOT done THEN
        RETURN;
    END IF;
    UPDATE messages SET provider_id = provider, sent_at = coalesce(sent_at, now()), state = 'sent', cause = NULL,
        sent_number = coalesce(sent_number, notification_number())
    WHERE tenant_id = tenant AND conversation_id = conversation AND id = message AND attempt = tried
      AND state IN ('sending', 'uncertain', 'held');
    is_taken := FOUND;
    IF channel IS NOT NULL THEN
        -- A report that has moved it on may be younger than what was seen of reports.
        is_told := is_told OR NOT is_taken;
        done := NOT (alone AND is_told);
        IF NOT done THEN
            RETURN;  -- and nothing was written
        END IF;
        -- Once, though it may be sent again.
        INSERT INTO costs (tenant_id, day, kind, name, category, country, conversation_id, message_id, turn_id,
                           units, micros)
        SELECT tenant_id, today, 'message', channel, tariff, land, conversation_id, id, turn_id, parts, price
        FROM messages WHERE tenant_id = tenant AND conversation_id = conversation AND id = message
        ON CONFLICT (tenant_id, message_id) WHERE message_id IS NOT NULL DO UPDATE
        SET at = now(), day = excluded.day, name = excluded.name, category = excluded.category,
            country = excluded.country, units = excluded.units, micros = excluded.micros;
    ELSE
        is_told := is_told AND is_taken;
    END IF;
    account := CASE WHEN is_told THEN account END;
    more := EXISTS (SELECT FROM messages
                    WHERE tenant_id = tenant AND conversation_id = conversation
                      AND state IN ('queued', 'sending', 'uncertain'));
END $$;
