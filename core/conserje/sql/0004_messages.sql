-- Works with processes of schema 3.
-- Messages that answer another one, and what a message costs.

-- The provider's id of the message that this one answers.
ALTER TABLE messages ADD COLUMN quotes text;

ALTER TABLE statuses
    ADD COLUMN billable boolean,          -- none: the provider did not say
    ADD COLUMN category text NOT NULL DEFAULT '';  -- of the price, as the provider calls it

-- What the message with this id of the provider's says; nothing without an id.
CREATE FUNCTION said_by(tenant bigint, conversation bigint, named text) RETURNS text
LANGUAGE sql STABLE STRICT AS $$
    SELECT content FROM messages
    WHERE tenant_id = tenant AND conversation_id = conversation AND provider_id = named LIMIT 1
$$;
