-- What every service's schema holds to send and to receive: outbox, inbox, parked, history.
-- Table names are unqualified: a service's connections have its own schema as their search_path.

CREATE TABLE outbox (
    seq             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id        uuid        NOT NULL UNIQUE,
    event_type      text        NOT NULL,
    version         smallint    NOT NULL,
    key             uuid        NOT NULL,           -- the customer: order is kept within it
    correlation_id  uuid        NOT NULL,
    causation_id    uuid,
    recorded_at     timestamptz NOT NULL,
    traceparent     text,                           -- the trace goes on from the request, not from the relay
    tracestate      text,
    data            json        NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,                    -- null: at once
    published_at    timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;
CREATE INDEX outbox_unpublished_by_key ON outbox (key, seq) WHERE published_at IS NULL;

CREATE TABLE inbox (
    event_id    uuid        PRIMARY KEY,
    id          uuid        NOT NULL,               -- the row's own id, for steps that make nothing
    event_type  text        NOT NULL,
    received_at timestamptz NOT NULL,
    done_at     timestamptz                         -- null: taken charge of, not yet done (parked)
);

CREATE TABLE parked (
    seq             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id        uuid        NOT NULL UNIQUE REFERENCES inbox,
    event_type      text        NOT NULL,
    key             uuid,                           -- null: undecodable, blocks nobody
    state           text        NOT NULL CHECK (state IN ('waiting', 'behind', 'dead', 'done', 'discarded')),
    body            bytea       NOT NULL,           -- as it was delivered
    reason          text        NOT NULL,           -- the class of the failure: safe to log
    error           text        NOT NULL,           -- its text: may hold personal data, stays here
    attempts        integer     NOT NULL,
    parked_at       timestamptz NOT NULL,
    next_attempt_at timestamptz,
    resolved_at     timestamptz,
    CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    CHECK ((state IN ('done', 'discarded')) = (resolved_at IS NOT NULL))
);
CREATE INDEX parked_unresolved ON parked (key, seq) WHERE state IN ('waiting', 'behind', 'dead');
CREATE INDEX parked_by_state ON parked (state, next_attempt_at) WHERE state IN ('waiting', 'behind', 'dead');

-- Redelivered messages whose handling has begun: at the third beginning the message is what kills the process.
CREATE TABLE suspects (
    event_id uuid    PRIMARY KEY,
    begun    integer NOT NULL
);

-- How far an owner's history has been read.
CREATE TABLE history (
    owner         text    PRIMARY KEY,
    next_offset   bigint  NOT NULL,
    last_event_id uuid,                             -- at next_offset - 1: tells a younger stream from the same one
    begun         integer NOT NULL,                 -- how often a reading has begun since one last got on
    caught_up     boolean NOT NULL
);
