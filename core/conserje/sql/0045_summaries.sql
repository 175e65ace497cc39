-- Works with processes of schema 7.
-- What was said in a conversation before what an assistant reads of it, in short.

CREATE TABLE summaries (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    version         bigint NOT NULL DEFAULT 0,  -- another one once it is made anew, or thrown away
    text            text NOT NULL DEFAULT '' CHECK (length(text) <= 2000),
    covers          bigint,                     -- the last message that is in it
    since           timestamptz,                -- when the oldest one was written
    made_at         timestamptz,
    asked_at        timestamptz,                -- since when a job is to make it anew; none: none is
    PRIMARY KEY (tenant_id, conversation_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
    CHECK ((text = '') = (covers IS NULL) AND (text = '') = (since IS NULL) AND (text = '') = (made_at IS NULL))
);

GRANT SELECT, INSERT, UPDATE, DELETE ON summaries TO conserje_core;
GRANT SELECT, INSERT, UPDATE ON summaries TO conserje_tenant;
ALTER TABLE summaries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON summaries TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON summaries TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);

-- Whoever changes or removes what is in a summary, or may be in the one that is being made, throws it away: also
-- processes that know of none.
CREATE FUNCTION summary_spoilt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE summaries SET version = version + 1, text = '', covers = NULL, since = NULL, made_at = NULL
    WHERE tenant_id = OLD.tenant_id AND conversation_id = OLD.conversation_id
      AND (asked_at IS NOT NULL OR covers >= OLD.id AND since <= OLD.created_at);
    RETURN NULL;
END $$;

CREATE FUNCTION summaries_spoilt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    place record;
BEGIN
    FOR place IN SELECT tenant_id, conversation_id, min(id) AS id, max(created_at) AS created_at
                 FROM gone GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        UPDATE summaries SET version = version + 1, text = '', covers = NULL, since = NULL, made_at = NULL
        WHERE tenant_id = place.tenant_id AND conversation_id = place.conversation_id
          AND (asked_at IS NOT NULL OR covers >= place.id AND since <= place.created_at);
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER summary_spoilt AFTER UPDATE OF content ON messages
    FOR EACH ROW WHEN (OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION summary_spoilt();
CREATE TRIGGER summaries_spoilt AFTER DELETE ON messages
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION summaries_spoilt();
