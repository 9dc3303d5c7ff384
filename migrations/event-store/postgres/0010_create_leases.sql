-- The one holder that may do a job on this log, and how far that job has come.
--
-- epoch rises with every change of holder: it is the fence. A former holder writes with an old epoch and matches no
-- row. beats rises with every sign of life. It is compared with the value seen before, never with a clock.
CREATE TABLE leases (
    name       text COLLATE "C" PRIMARY KEY,
    epoch      bigint NOT NULL,
    beats      bigint NOT NULL,
    holder     text COLLATE "C", -- NULL: given back
    checkpoint bigint NOT NULL,  -- the job is done for every event up to this position
    note       text   NOT NULL   -- what the job itself keeps with its checkpoint; opaque here
) WITH (fillfactor = 50);

CREATE FUNCTION refuse_going_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the epoch and the beats of a lease never go back'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER leases_never_go_back BEFORE UPDATE ON leases
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch OR NEW.beats < OLD.beats)
    EXECUTE FUNCTION refuse_going_back();
ALTER TABLE leases ENABLE ALWAYS TRIGGER leases_never_go_back;
