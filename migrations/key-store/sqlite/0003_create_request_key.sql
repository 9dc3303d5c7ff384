-- One data key that belongs to no customer. Its id names this store: a log notes which store its texts are sealed with. Requests
-- are fingerprinted with it, so that nobody who has the log alone can guess what they said.
CREATE TABLE request_key (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id       BLOB    NOT NULL REFERENCES data_keys (id)
) STRICT;

CREATE TRIGGER request_key_stays BEFORE UPDATE ON request_key
BEGIN
    SELECT RAISE(ABORT, 'the key of requests never changes');
END;

CREATE TRIGGER request_key_is_kept BEFORE DELETE ON request_key
BEGIN
    SELECT RAISE(ABORT, 'the key of requests never changes');
END;

-- Keys that events of the log use and this store does not have: it was put back from an older copy.
CREATE TABLE missing_keys (
    id BLOB PRIMARY KEY CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;
