-- The re-driver looks for heads only: each subject has exactly one, which waits or is dead; all that came later is behind it.
-- The table itself keeps it so, whoever writes: also an operator, a replay, and a program of the release before.

-- What is behind a head becomes the next one in the order of `seq`. Before the index, so that it finds what it asks for.
UPDATE parked SET state = 'behind', next_attempt_at = NULL
WHERE state IN ('waiting', 'dead')
  AND EXISTS (SELECT FROM parked AS earlier WHERE earlier.subject = parked.subject AND earlier.seq < parked.seq
              AND earlier.state IN ('waiting', 'behind', 'dead'));
UPDATE parked SET state = 'waiting', next_attempt_at = now()
WHERE state = 'behind'
  AND NOT EXISTS (SELECT FROM parked AS earlier WHERE earlier.subject = parked.subject AND earlier.seq < parked.seq
                  AND earlier.state IN ('waiting', 'behind', 'dead'));

CREATE UNIQUE INDEX parked_heads ON parked (subject) WHERE state IN ('waiting', 'dead');
-- For lists, and for what is done to many.
CREATE INDEX parked_unresolved_by_seq ON parked (seq) WHERE state IN ('waiting', 'behind', 'dead');
-- For a release that starts.
CREATE INDEX parked_waits_for_a_release ON parked (seq)
    WHERE state = 'waiting' AND reason IN ('no_handler', 'newer_version', 'unknown_value');

-- Who comes to a subject and who leaves it do so one after the other: otherwise one would wait behind a message that is
-- just being resolved, and nobody would ever make it the head.
CREATE FUNCTION one_after_the_other(subject uuid, schema name) RETURNS void LANGUAGE sql AS
$$ SELECT pg_advisory_xact_lock(hashtextextended(schema || '.parked.' || subject, 0)) $$;

CREATE FUNCTION stand_behind_the_head() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    PERFORM one_after_the_other(NEW.subject, TG_TABLE_SCHEMA);
    -- A statement of its own, so that it sees what was committed while this one waited.
    IF EXISTS (SELECT FROM parked WHERE parked.subject = NEW.subject AND parked.state IN ('waiting', 'dead')
               AND parked.event_id <> NEW.event_id) THEN
        NEW.state := 'behind';
        NEW.next_attempt_at := NULL;
    ELSIF NEW.state = 'behind' THEN
        NEW.state := 'waiting';
        NEW.next_attempt_at := NEW.parked_at;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stand_behind_the_head BEFORE INSERT OR UPDATE OF subject ON parked FOR EACH ROW
    WHEN (NEW.subject IS NOT NULL AND NEW.state IN ('waiting', 'behind', 'dead'))
    EXECUTE FUNCTION stand_behind_the_head();

-- The next one's time limit begins now.
CREATE FUNCTION make_the_next_one_the_head() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    PERFORM one_after_the_other(NEW.subject, TG_TABLE_SCHEMA);
    UPDATE parked SET state = 'waiting', next_attempt_at = NEW.resolved_at, tried_since = NEW.resolved_at
    WHERE seq = (SELECT next.seq FROM parked AS next WHERE next.subject = NEW.subject AND next.state = 'behind'
                 ORDER BY next.seq LIMIT 1);
    RETURN NULL;
END $$;
CREATE TRIGGER make_the_next_one_the_head AFTER UPDATE OF state ON parked FOR EACH ROW
    WHEN (OLD.state IN ('waiting', 'dead') AND NEW.state IN ('done', 'discarded') AND NEW.subject IS NOT NULL)
    EXECUTE FUNCTION make_the_next_one_the_head();
