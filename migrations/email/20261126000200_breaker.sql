-- A mail is leased by this database's clock; without a lease, next_attempt_at says when it is due.
ALTER TABLE mails ADD COLUMN lease_until timestamptz;

-- While the mail server refuses most of what it is given, all mail is kept. One row, shared by all replicas.
CREATE TABLE breaker (
    single    boolean     PRIMARY KEY DEFAULT true CHECK (single),
    opened_at timestamptz,                              -- NULL: closed, mail goes out
    probe_at  timestamptz,                              -- while it is open: when the next mail may try
    closed_at timestamptz NOT NULL DEFAULT 'epoch',     -- what was rejected before counts no more
    open_for  interval    NOT NULL DEFAULT '0',         -- in all, until closed_at
    CHECK ((opened_at IS NULL) = (probe_at IS NULL))
);
INSERT INTO breaker DEFAULT VALUES;
-- How long the breaker had been open when the mail was queued: such time does not count against it.
ALTER TABLE mails ADD COLUMN open_before interval NOT NULL DEFAULT '0';

-- How many mails the server accepted: counted without a lock, unlike a column.
CREATE SEQUENCE mails_accepted;
-- Mails that the server answered with a 5xx.
CREATE TABLE rejections (
    mail_id         uuid        PRIMARY KEY REFERENCES mails ON DELETE CASCADE,
    rejected_at     timestamptz NOT NULL,               -- for the first time, or for the first time since closed_at
    accepted_before bigint      NOT NULL,               -- mails_accepted at that time
    refused         boolean     NOT NULL                -- the address; else whatever the operator has to fix
);
CREATE INDEX rejections_by_age ON rejections (rejected_at);
