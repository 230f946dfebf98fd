-- What was seen of every flow. No personal data: an event's facts stay with those who need them.

CREATE TABLE events (
    event_id       uuid        PRIMARY KEY,
    event_type     text        NOT NULL,
    owner          text        NOT NULL,            -- who published it
    customer_id    uuid        NOT NULL,
    correlation_id uuid        NOT NULL,
    causation_id   uuid,                            -- null: it began the flow
    trace_id       text,
    sequence       bigint      NOT NULL,            -- in its publisher's outbox
    recorded_at    timestamptz NOT NULL,            -- by its publisher's clock
    seen_at        timestamptz NOT NULL             -- by ours
);
CREATE INDEX events_by_flow ON events (correlation_id);
CREATE INDEX events_by_customer ON events (customer_id);
CREATE INDEX events_by_trace ON events (trace_id);
CREATE INDEX events_by_time ON events (seen_at);

-- What the events of a flow amount to: made anew from them whenever it is dirty.
CREATE TABLE flows (
    correlation_id uuid        PRIMARY KEY,
    began_at       timestamptz NOT NULL,            -- when its first event was recorded, as far as we know
    dirty          boolean     NOT NULL DEFAULT true,
    state          text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'compensated', 'stuck')),
    since          timestamptz NOT NULL,            -- how long it has been in this state
    due_at         timestamptz,                     -- when to look again, if nothing happens until then
    asked_at       timestamptz,                     -- when services were last asked about its missing steps
    change         bigint      NOT NULL DEFAULT 0,  -- grows with every change of any flow: what a stream goes on from
    summary        jsonb                            -- as the list shows it
);
CREATE INDEX flows_by_time ON flows (began_at DESC, correlation_id DESC);
CREATE INDEX flows_by_state ON flows (state, began_at DESC, correlation_id DESC);
CREATE INDEX flows_dirty ON flows (correlation_id) WHERE dirty;
CREATE INDEX flows_due ON flows (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX flows_by_since ON flows (since);
CREATE INDEX flows_to_ask ON flows (asked_at) WHERE state = 'stuck';
CREATE INDEX flows_by_change ON flows (change);

-- Where that number stands. A row, not a sequence: numbers become visible in their order.
CREATE TABLE changes (
    last bigint NOT NULL
);
INSERT INTO changes VALUES (0);

-- What a service said of a message that it should have answered by now.
CREATE TABLE holdings (
    event_id       uuid        NOT NULL,
    service        text        NOT NULL,
    correlation_id uuid        NOT NULL,
    state          text        NOT NULL,            -- handled, waiting, behind, dead, discarded, unknown, away
    reason         text,                            -- the class of the failure
    attempts       integer,
    asked_at       timestamptz NOT NULL,
    PRIMARY KEY (event_id, service)
);
CREATE INDEX holdings_by_flow ON holdings (correlation_id);
