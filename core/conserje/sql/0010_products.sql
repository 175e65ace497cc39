-- Works with processes of schema 7.
-- Word of changes to products, for those who keep catalogues in memory.

-- A channel of its own: a shop that counts its stock makes nobody look at its accounts anew.
CREATE FUNCTION products_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(tenant_id) INTO ids
        FROM (SELECT tenant_id FROM changed UNION SELECT tenant_id FROM replaced) AS both_sides;
    ELSE
        SELECT array_agg(DISTINCT tenant_id) INTO ids FROM changed;
    END IF;
    IF ids IS NOT NULL THEN
        PERFORM pg_notify('conserje_products',
                          CASE WHEN cardinality(ids) <= 300 THEN array_to_string(ids, ',') ELSE '*' END);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER announce_insert AFTER INSERT ON products REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION products_changed();
CREATE TRIGGER announce_update AFTER UPDATE ON products REFERENCING OLD TABLE AS replaced NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION products_changed();
CREATE TRIGGER announce_delete AFTER DELETE ON products REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION products_changed();
