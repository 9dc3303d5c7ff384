-- The store of keys that the texts about people in this log are sealed with. No row: none is sealed.
--
-- Written before the first text is sealed. A program without the master key, or with another store of keys, sees here that it
-- could not read what is stored, and must not store more.
CREATE TABLE sealing (
    only_row  integer PRIMARY KEY CHECK (only_row = 1),
    key_store uuid    NOT NULL
);

CREATE FUNCTION refuse_unsealing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a log whose texts are sealed stays one'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER sealing_is_kept BEFORE DELETE ON sealing
    FOR EACH ROW EXECUTE FUNCTION refuse_unsealing();
ALTER TABLE sealing ENABLE ALWAYS TRIGGER sealing_is_kept;
