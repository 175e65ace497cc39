-- Works with processes of schema 7.
-- What messages and models cost: prices, a line for each spending, sums by day, and bounds.

-- The operator's own, before those that a release ships. None: unknown.
CREATE TABLE prices (
    kind     text NOT NULL CHECK (kind IN ('model', 'message')),
    name     text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    category text NOT NULL DEFAULT '' CHECK (length(category) <= 100),
    country  text NOT NULL DEFAULT '' CHECK (country ~ '^([A-Z]{2})?$'),  -- none: any other
    since    date NOT NULL,
    above    bigint NOT NULL DEFAULT 0 CHECK (above >= 0),  -- for calls that read more tokens
    input    numeric CHECK (input >= 0),                    -- USD for a million tokens
    cached   numeric CHECK (cached >= 0),
    output   numeric CHECK (output >= 0),
    minute   numeric CHECK (minute >= 0),                   -- of sound
    each     numeric CHECK (each >= 0),                     -- message, or segment of one
    PRIMARY KEY (kind, name, category, country, since, above)
);

-- They hold no words, and outlive what was said: without a foreign key, since a conversation goes before them.
CREATE TABLE costs (
    tenant_id       bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    at              timestamptz NOT NULL DEFAULT now(),
    day             date NOT NULL,                 -- by the tenant's clock
    kind            text NOT NULL CHECK (kind IN ('model', 'message')),
    name            text NOT NULL,                 -- the model, or the channel
    category        text NOT NULL DEFAULT '',
    country         text NOT NULL DEFAULT '',
    conversation_id bigint,                        -- none: its contact was forgotten, and all below
    turn_id         bigint,
    message_id      bigint,
    units           bigint NOT NULL DEFAULT 1,     -- messages, or segments of one
    input           bigint NOT NULL DEFAULT 0,     -- tokens
    cached          bigint NOT NULL DEFAULT 0,     -- of them
    output          bigint NOT NULL DEFAULT 0,
    seconds         bigint NOT NULL DEFAULT 0,     -- of sound
    micros          bigint,                        -- millionths of a USD; none: nobody knows the price
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX costs_message ON costs (tenant_id, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX costs_turn ON costs (tenant_id, conversation_id, turn_id) WHERE conversation_id IS NOT NULL;

-- In parts, so that conversations of one tenant seldom wait for each other's.
CREATE TABLE daily_costs (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    day       date NOT NULL,
    kind      text NOT NULL,
    name      text NOT NULL,
    category  text NOT NULL,
    country   text NOT NULL,
    part      smallint NOT NULL,
    lines     bigint NOT NULL,
    unknown   bigint NOT NULL,  -- of them, whose price nobody knows
    units     bigint NOT NULL,
    input     bigint NOT NULL,
    cached    bigint NOT NULL,
    output    bigint NOT NULL,
    seconds   bigint NOT NULL,
    micros    bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, kind, name, category, country, part)
) WITH (fillfactor = 50);

-- What models cost for one contact. Rows of the days before yesterday are pruned.
CREATE TABLE contact_costs (
    tenant_id  bigint NOT NULL,
    contact_id bigint NOT NULL,
    day        date NOT NULL,
    tokens     bigint NOT NULL,
    micros     bigint NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, day),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts ON DELETE CASCADE
);

-- Of which share of a month's bound somebody was told.
CREATE TABLE cost_warnings (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    month     date NOT NULL,
    percent   smallint NOT NULL,
    PRIMARY KEY (tenant_id, month, percent)
);

CREATE FUNCTION sum_costs(line costs, sign int) RETURNS void LANGUAGE plpgsql AS $$  -- which keeps plans
BEGIN
    INSERT INTO daily_costs AS sums
    VALUES (line.tenant_id, line.day, line.kind, line.name, line.category, line.country,
            coalesce(line.conversation_id, 0) % 4, sign, sign * (line.micros IS NULL)::int, sign * line.units,
            sign * line.input, sign * line.cached, sign * line.output, sign * line.seconds,
            sign * coalesce(line.micros, 0))
    ON CONFLICT (tenant_id, day, kind, name, category, country, part) DO UPDATE
    SET lines = sums.lines + excluded.lines, unknown = sums.unknown + excluded.unknown,
        units = sums.units + excluded.units, input = sums.input + excluded.input,
        cached = sums.cached + excluded.cached, output = sums.output + excluded.output,
        seconds = sums.seconds + excluded.seconds, micros = sums.micros + excluded.micros;
END $$;

CREATE FUNCTION costs_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM sum_costs(OLD, -1);
    END IF;
    PERFORM sum_costs(NEW, 1);
    RETURN NULL;
END $$;
CREATE TRIGGER costs_changed AFTER INSERT OR UPDATE OF day, name, category, country, units, micros ON costs
    FOR EACH ROW EXECUTE FUNCTION costs_changed();

-- What may be spent on models, by contact and day, by day, by month. None: as the operator has it; 0: no bound.
ALTER TABLE tenants
    ADD COLUMN tokens_of_contact bigint CONSTRAINT tenants_tokens_of_contact_check CHECK (tokens_of_contact >= 0),
    ADD COLUMN usd_of_contact numeric CONSTRAINT tenants_usd_of_contact_check CHECK (usd_of_contact BETWEEN 0 AND 1000000),
    ADD COLUMN tokens_of_day bigint CONSTRAINT tenants_tokens_of_day_check CHECK (tokens_of_day >= 0),
    ADD COLUMN usd_of_day numeric CONSTRAINT tenants_usd_of_day_check CHECK (usd_of_day BETWEEN 0 AND 1000000),
    ADD COLUMN tokens_of_month bigint CONSTRAINT tenants_tokens_of_month_check CHECK (tokens_of_month >= 0),
    ADD COLUMN usd_of_month numeric CONSTRAINT tenants_usd_of_month_check CHECK (usd_of_month BETWEEN 0 AND 1000000),
    ADD COLUMN hold_over_month boolean NOT NULL DEFAULT false;  -- messages, too, once the month's bound is reached

-- Of a notice that a month's bound is near: month, share, amounts. Its sentence is in `illness`, so that a process
-- of an earlier release tells of nobody who waits.
ALTER TABLE notices ADD COLUMN bound jsonb;

GRANT SELECT, INSERT, UPDATE, DELETE ON prices, costs, daily_costs, contact_costs, cost_warnings TO conserje_core;
GRANT SELECT, INSERT, UPDATE ON costs, daily_costs, contact_costs, cost_warnings TO conserje_tenant;
GRANT USAGE ON SEQUENCE costs_id_seq TO conserje_core, conserje_tenant;

ALTER TABLE prices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON prices TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON prices TO conserje_tenant USING (true);
GRANT SELECT ON prices TO conserje_tenant;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['costs', 'daily_costs', 'contact_costs', 'cost_warnings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)', name);
    END LOOP;
END $$;
