-- Whom we may write to: the root row of a customer here.
CREATE TABLE recipients (
    customer_id uuid        PRIMARY KEY,
    stopped_at  timestamptz
);

CREATE TABLE mails (
    id              uuid        PRIMARY KEY,
    event_id        uuid        NOT NULL UNIQUE,    -- what it answers; never purged, unlike the inbox
    event_type      text        NOT NULL,
    customer_id     uuid        NOT NULL REFERENCES recipients,
    correlation_id  uuid        NOT NULL,
    traceparent     text,
    tracestate      text,
    address         text        NOT NULL,
    name            text        NOT NULL,
    message_id      text        NOT NULL,
    created_at      timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    state           text        NOT NULL CHECK (state IN ('queued', 'sent', 'refused', 'expired', 'cancelled')),
    attempt         integer     NOT NULL,
    next_attempt_at timestamptz NOT NULL,           -- after a lease began: when it ends
    last_reply      text,                           -- the server's words: may hold personal data, stays here
    settled_at      timestamptz,
    CHECK ((state = 'queued') = (settled_at IS NULL))
);
CREATE INDEX mails_queued ON mails (next_attempt_at) WHERE state = 'queued';
CREATE INDEX mails_by_customer ON mails (customer_id);
