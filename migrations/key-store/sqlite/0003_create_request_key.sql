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

-- The hash of the event at the position up to which the log was followed: with another log, or one that was put back from an
-- older copy, following begins again.
ALTER TABLE followed ADD COLUMN hash BLOB CHECK (length(hash) = 32);

DROP TRIGGER followed_goes_on;
CREATE TRIGGER followed_goes_on BEFORE UPDATE ON followed
WHEN NEW.position <= OLD.position AND NEW.position <> 0
BEGIN
    SELECT RAISE(ABORT, 'the log is followed forwards, or from its start');
END;
