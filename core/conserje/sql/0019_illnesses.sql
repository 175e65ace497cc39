-- Works with processes of schema 7.
-- Accounts that are ill: whatever they send, their provider takes nothing of it until somebody mends them.

CREATE TABLE illnesses (
    tenant_id  bigint NOT NULL,
    account_id bigint NOT NULL,
    cause      text NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    tries      int NOT NULL DEFAULT 0,
    due_at     timestamptz,  -- when something is tried, or the next ones leave; none: once somebody asks for it
    trial      bigint,       -- the conversation that may try
    well_at    timestamptz,  -- since when the provider takes messages again; what waited is leaving
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);
CREATE INDEX illnesses_due ON illnesses (due_at) WHERE due_at IS NOT NULL;

-- Since when a conversation waits until its account is well.
ALTER TABLE conversations ADD COLUMN ill_since timestamptz;

-- `fault`: the account's, 'passing' or 'lasting'; the message waits for it.
-- `failed_as`: the provider's names for it in sendings that failed and are made again.
ALTER TABLE messages ADD COLUMN fault text, ADD COLUMN failed_as text[];

-- Of what an account is ill; none: the conversation was handed over.
ALTER TABLE notices ADD COLUMN illness text;

-- Who changed an account has perhaps mended it.
CREATE FUNCTION account_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE illnesses SET due_at = now()
    WHERE tenant_id = NEW.tenant_id AND account_id = NEW.id AND well_at IS NULL;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION account_changed FROM PUBLIC;
CREATE TRIGGER try_again AFTER UPDATE OF credentials, settings ON accounts
FOR EACH ROW WHEN ((OLD.credentials, OLD.settings) IS DISTINCT FROM (NEW.credentials, NEW.settings))
EXECUTE FUNCTION account_changed();

GRANT SELECT, INSERT, UPDATE, DELETE ON illnesses TO conserje_core;
GRANT SELECT, INSERT, UPDATE ON illnesses TO conserje_tenant;
ALTER TABLE illnesses ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON illnesses TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON illnesses TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
