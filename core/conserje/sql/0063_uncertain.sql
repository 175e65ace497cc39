-- Works with processes of schema 7.
-- What becomes of a message of which nobody knows whether it was sent, and what plugins a process has.

-- Where the account's channel cannot ask its provider: held for a person, or sent once more.
ALTER TABLE accounts ADD COLUMN uncertain text NOT NULL DEFAULT 'hold' CHECK (uncertain IN ('hold', 'resend'));

-- When it was sent that once more.
ALTER TABLE messages ADD COLUMN resent_at timestamptz;

-- Those that it loaded when it started; none: its release does not say.
ALTER TABLE heartbeats ADD COLUMN plugins jsonb CHECK (jsonb_typeof(plugins) = 'array');
