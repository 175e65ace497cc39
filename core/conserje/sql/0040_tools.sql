-- Works with processes of schema 7.
-- Tools: which of them a tenant has switched on; what has an effect is done by a job, and what reserves is kept.

-- By the name of the tool: its settings, or false, which switches one off that is on by itself.
ALTER TABLE tenants ADD COLUMN tool_settings jsonb NOT NULL DEFAULT '{}'
    CHECK (jsonb_typeof(tool_settings) = 'object'
           AND NOT jsonb_path_exists(tool_settings, '$.* ? (@.type() != "object" && @ != false)'));

-- What a reply that was stored has brought with it, to be done once.
CREATE TABLE effects (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    turn_id         bigint NOT NULL,
    number          int NOT NULL,                    -- within the turn
    id              bigint GENERATED ALWAYS AS IDENTITY,
    tool            text NOT NULL,
    arguments       text NOT NULL,                   -- JSON
    state           text NOT NULL DEFAULT 'queued'
                    CHECK (state IN ('queued', 'doing', 'done', 'failed', 'uncertain', 'dropped')),
    tries           int NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL DEFAULT now(), -- not before, also because somebody does it
    begun_at        timestamptz,                     -- committed before the tool is called
    ended_at        timestamptz,
    shown           text NOT NULL DEFAULT '',        -- what the tool says of it to the tenant's people
    cause           text,                            -- why it is not done
    PRIMARY KEY (tenant_id, conversation_id, turn_id, number),
    FOREIGN KEY (tenant_id, conversation_id, turn_id) REFERENCES turns ON DELETE CASCADE
);
CREATE INDEX effects_open ON effects (due_at) WHERE state IN ('queued', 'doing');
CREATE INDEX effects_held ON effects (id) WHERE state IN ('failed', 'uncertain');
CREATE INDEX effects_aged ON effects (tenant_id, created_at);

-- What was done before the reply, and gives the same when its turn is thought again.
CREATE TABLE reservations (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    digest          bytea NOT NULL,                  -- of the tool and its arguments
    result          text NOT NULL,                   -- JSON
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, conversation_id, digest),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);
CREATE INDEX reservations_aged ON reservations (tenant_id, created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON effects, reservations TO conserje_core;
GRANT SELECT, INSERT, UPDATE ON effects, reservations TO conserje_tenant;
GRANT USAGE ON SEQUENCE effects_id_seq TO conserje_core;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['effects', 'reservations'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)', name);
    END LOOP;
END $$;
