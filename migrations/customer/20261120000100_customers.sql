CREATE TABLE customers (
    id             uuid        PRIMARY KEY,
    email          text        NOT NULL,
    name           text        NOT NULL,
    status         text        NOT NULL CHECK (status IN ('registered', 'onboarded', 'deactivated')),
    registered_at  timestamptz NOT NULL,
    -- The gate: what has arrived of the two facts that onboarding waits for.
    welcome_email  text        NOT NULL CHECK (welcome_email IN ('pending', 'sent', 'failed')),
    status_points  bigint,
    onboarded_at   timestamptz,
    deactivated_at timestamptz,
    CHECK ((status = 'onboarded') = (onboarded_at IS NOT NULL)),
    CHECK ((status = 'deactivated') = (deactivated_at IS NOT NULL))
);
-- A deactivated customer does not hold the address.
CREATE UNIQUE INDEX customers_email ON customers (lower(email)) WHERE status <> 'deactivated';

-- The first 201 for each Idempotency-Key. Its body is made again from the customer's row, so nothing personal is here.
CREATE TABLE idempotency_keys (
    key         text        PRIMARY KEY,
    body_hash   bytea       NOT NULL,
    customer_id uuid        NOT NULL,
    event_id    uuid        NOT NULL,
    trace_id    text        NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
