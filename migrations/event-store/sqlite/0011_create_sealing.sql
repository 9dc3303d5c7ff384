-- The store of keys that the texts about people in this log are sealed with. No row: none is sealed.
--
-- Written before the first text is sealed. A program without the master key, or with another store of keys, sees here that it
-- could not read what is stored, and must not store more.
CREATE TABLE sealing (
    only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
    key_store BLOB    NOT NULL CHECK (length(key_store) = 16)
) STRICT;

CREATE TRIGGER sealing_is_kept BEFORE DELETE ON sealing
BEGIN
    SELECT RAISE(ABORT, 'a log whose texts are sealed stays one');
END;
