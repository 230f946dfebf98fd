CREATE TABLE accounts (
    customer_id uuid        PRIMARY KEY,
    opened_at   timestamptz NOT NULL,
    closed_at   timestamptz
);

-- The balance of an account is the sum of its ledger; nothing else says it.
CREATE TABLE ledger (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id uuid        NOT NULL REFERENCES accounts,
    event_id    uuid        NOT NULL UNIQUE,        -- what it was booked for; never purged, unlike the inbox
    points      bigint      NOT NULL,
    reason      text        NOT NULL CHECK (reason IN ('joining', 'revocation')),
    booked_at   timestamptz NOT NULL
);
CREATE INDEX ledger_by_customer ON ledger (customer_id, id);
