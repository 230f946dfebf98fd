-- What an operator sees of parked messages and does about them; what is replayed; what may be purged.

ALTER TABLE parked
    ADD COLUMN original       bytea,                -- as it was delivered, once an operator has corrected the body
    ADD COLUMN muted          boolean NOT NULL DEFAULT false,  -- to be handled without mails and follow-ups
    ADD COLUMN tried_since    timestamptz,          -- when its time limit began: parked, or retried by an operator
    ADD COLUMN tries          integer NOT NULL DEFAULT 0;      -- attempts since then: the delays grow with them
UPDATE parked SET tried_since = parked_at, tries = attempts;
ALTER TABLE parked ALTER COLUMN tried_since SET NOT NULL;
CREATE INDEX parked_resolved ON parked (resolved_at) WHERE resolved_at IS NOT NULL;

-- Every attempt that failed. One that is missing between two others ended with the process.
CREATE TABLE attempts (
    event_id uuid        NOT NULL REFERENCES parked (event_id) ON DELETE CASCADE,
    number   integer     NOT NULL,
    at       timestamptz NOT NULL,
    reason   text        NOT NULL,                  -- the class of the failure: safe to log
    error    text        NOT NULL,                  -- its text: may hold personal data, stays here
    PRIMARY KEY (event_id, number)
);
INSERT INTO attempts SELECT event_id, attempts, parked_at, reason, error FROM parked WHERE attempts > 0;

-- What operators did, in the transactions in which they did it. It outlives what it is about.
CREATE TABLE audit (
    seq      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid,                                  -- null: an action on the whole service
    operator text        NOT NULL,                  -- as claimed
    action   text        NOT NULL CHECK (action IN ('retry', 'edit', 'discard', 'replay', 'republish')),
    reason   text,
    before   json,
    after    json,
    at       timestamptz NOT NULL
);
CREATE INDEX audit_by_event ON audit (event_id, seq);

CREATE FUNCTION refuse_to_rewrite_the_audit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_the_audit();

-- How far each replay has come: asked for again, an interrupted one goes on from there.
CREATE TABLE replays (
    owner           text        NOT NULL,
    event_type      text        NOT NULL,           -- empty: all that the service reacts to
    since           text        NOT NULL,           -- "first", or a time
    muted           boolean     NOT NULL,
    next_offset     bigint,                         -- null: nothing was read yet
    new             bigint      NOT NULL DEFAULT 0,
    already_handled bigint      NOT NULL DEFAULT 0,
    parked          bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (owner, event_type, since, muted)
);

-- For the purge, which takes the oldest.
CREATE INDEX inbox_by_age ON inbox (received_at);
