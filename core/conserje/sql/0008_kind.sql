-- Works with processes of schema 7.
-- What kind of content a message has, so that nobody looks for it in the content.

-- contract/message.py writes the type last.
CREATE FUNCTION kind_of(content text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substring(right(content, 60) FROM '"type":"([a-z_]+)"\}$')
$$;

ALTER TABLE messages ADD COLUMN kind text;  -- none: what was there before 0009 has come to it

CREATE FUNCTION note_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.kind := kind_of(NEW.content);
    RETURN NEW;
END $$;

-- Processes of the schemas before do not write it.
CREATE TRIGGER note_kind_of_new BEFORE INSERT ON messages
    FOR EACH ROW WHEN (NEW.kind IS NULL) EXECUTE FUNCTION note_kind();
CREATE TRIGGER note_kind_of_changed BEFORE UPDATE OF content ON messages
    FOR EACH ROW WHEN (OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION note_kind();
