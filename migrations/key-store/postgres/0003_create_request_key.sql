-- One data key that belongs to no customer. Its id names this store: a log notes which store its texts are sealed with. Requests
-- are fingerprinted with it, so that nobody who has the log alone can guess what they said.
CREATE TABLE request_key (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    id       bytea   NOT NULL REFERENCES data_keys (id)
);

CREATE FUNCTION refuse_another_request_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the key of requests never changes'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER request_key_stays BEFORE UPDATE OR DELETE ON request_key
    FOR EACH ROW EXECUTE FUNCTION refuse_another_request_key();
ALTER TABLE request_key ENABLE ALWAYS TRIGGER request_key_stays;

-- Keys that events of the log use and this store does not have: it was put back from an older copy.
CREATE TABLE missing_keys (
    id bytea PRIMARY KEY CHECK (length(id) = 16)
);

-- The hash of the event at the position up to which the log was followed: with another log, or one that was put back from an
-- older copy, following begins again.
ALTER TABLE followed ADD COLUMN hash bytea CHECK (length(hash) = 32);

DROP TRIGGER followed_goes_on ON followed;
CREATE TRIGGER followed_goes_on BEFORE UPDATE ON followed
    FOR EACH ROW WHEN (NEW.position <= OLD.position AND NEW.position <> 0) EXECUTE FUNCTION refuse_going_back();
ALTER TABLE followed ENABLE ALWAYS TRIGGER followed_goes_on;
