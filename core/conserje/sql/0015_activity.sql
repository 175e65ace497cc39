-- Works with processes of schema 7.
-- When something was last said in a conversation, so that nobody reads all of them to find the latest.

-- Intake does not write it: whoever takes messages waits for no conversation. A turn does, and a person.
ALTER TABLE conversations ADD COLUMN active_at timestamptz NOT NULL DEFAULT now();

-- What the message with this id of the provider's says; nothing without an id. The business's own are found
-- whatever their age, the contact's among the last of the conversation.
CREATE OR REPLACE FUNCTION said_by(tenant bigint, conversation bigint, named text) RETURNS text
LANGUAGE sql STABLE STRICT AS $$
    SELECT content FROM (
        SELECT content FROM messages
        WHERE tenant_id = tenant AND direction = 'out' AND provider_id = named AND conversation_id = conversation
          AND account_id = (SELECT account_id FROM conversations WHERE tenant_id = tenant AND id = conversation)
        UNION ALL
        SELECT content FROM (
            SELECT content, direction, provider_id FROM messages
            WHERE tenant_id = tenant AND conversation_id = conversation ORDER BY id DESC LIMIT 200) AS latest
        WHERE direction = 'in' AND provider_id = named) AS said
    LIMIT 1
$$;
