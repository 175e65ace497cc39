-- Works with processes of schema 7.
-- What the account's tool withholds from assistants, why, and what to do about it, as a worker found it last.

ALTER TABLE accounts ADD COLUMN withheld text NOT NULL DEFAULT '' CHECK (length(withheld) <= 1000);
CREATE INDEX accounts_withheld ON accounts (id) WHERE withheld <> '';
