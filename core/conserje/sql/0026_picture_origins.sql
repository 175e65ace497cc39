-- Works with processes of schema 7.
-- In steps: each commits by itself, and begins anew where it was broken off.
-- Finds the origins of a tenant's pictures, each once, which its chat page may load.

CREATE OR REPLACE FUNCTION picture_origin(picture text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT lower(substring(picture FROM '^https://[^/]+')) $$
-- Next step
-- An index whose making was broken off is there and of no use.
DO $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('products_pictures') AND NOT indisvalid) THEN
        DROP INDEX products_pictures;
    END IF;
END $$
-- Next step
CREATE INDEX CONCURRENTLY IF NOT EXISTS products_pictures ON products (tenant_id, picture_origin(picture))
    WHERE picture <> ''
