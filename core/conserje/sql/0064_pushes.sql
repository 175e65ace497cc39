-- Works with processes of schema 7.
-- People are told that somebody waits by their browsers, though no page is open in them.

-- Where a browser is told, by the service of whoever made it. It goes with the sign-in that asked for it.
CREATE TABLE devices (
    sign_in    bytea PRIMARY KEY REFERENCES sign_ins ON DELETE CASCADE,
    login_id   bigint NOT NULL REFERENCES logins ON DELETE CASCADE,
    endpoint   text NOT NULL CHECK (length(endpoint) <= 1000),
    p256dh     bytea NOT NULL CHECK (length(p256dh) = 65),         -- the browser's key
    auth       bytea NOT NULL CHECK (length(auth) = 16),           -- its secret, which we share
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX devices_login ON devices (login_id);
CREATE INDEX devices_endpoint ON devices (md5(endpoint));

-- What a device is told of one tenant, how far has been looked, and when there is something to tell.
CREATE TABLE pushes (
    tenant_id   bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    sign_in     bytea NOT NULL REFERENCES devices ON DELETE CASCADE,
    message_id  bigint NOT NULL,
    number      bigint NOT NULL,                                    -- of notifications
    due_at      timestamptz,                                        -- none: there is nothing to tell
    rests_until timestamptz NOT NULL DEFAULT now(),                 -- nothing is told before
    failures    int NOT NULL DEFAULT 0,                             -- in a row
    PRIMARY KEY (tenant_id, id),
    UNIQUE (sign_in, tenant_id)
);
CREATE INDEX pushes_due ON pushes (rests_until) WHERE due_at IS NOT NULL;

-- By which push services know this installation.
CREATE TABLE push_keys (
    id         boolean PRIMARY KEY DEFAULT true CHECK (id),         -- there is one
    private    text NOT NULL CHECK (private LIKE 'v1.%'),           -- sealed
    public     bytea NOT NULL CHECK (length(public) = 65),
    created_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON devices, pushes, push_keys TO conserje_core;
GRANT USAGE ON SEQUENCE pushes_id_seq TO conserje_core;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['devices', 'pushes', 'push_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
    END LOOP;
    EXECUTE 'CREATE POLICY tenant ON pushes TO conserje_tenant '
            'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)';
END $$;
