-- The one holder that may do a job on this log, and how far that job has come.
--
-- epoch rises with every change of holder: it is the fence. A former holder writes with an old epoch and matches no
-- row. beats rises with every sign of life. It is compared with the value seen before, never with a clock.
CREATE TABLE leases (
    name       TEXT    PRIMARY KEY,
    epoch      INTEGER NOT NULL,
    beats      INTEGER NOT NULL,
    holder     TEXT,             -- NULL: given back
    checkpoint INTEGER NOT NULL, -- the job is done for every event up to this position
    note       TEXT    NOT NULL  -- what the job itself keeps with its checkpoint; opaque here
) STRICT;

CREATE TRIGGER leases_never_go_back BEFORE UPDATE ON leases
WHEN NEW.epoch < OLD.epoch OR NEW.beats < OLD.beats
BEGIN
    SELECT RAISE(ABORT, 'the epoch and the beats of a lease never go back');
END;
