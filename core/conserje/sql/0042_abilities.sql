-- Works with processes of schema 7.
-- What an account's model was found to be able to do, by `account check`. None: nobody has tried.

ALTER TABLE accounts ADD COLUMN abilities jsonb CHECK (jsonb_typeof(abilities) = 'object');
