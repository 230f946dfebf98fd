CREATE TABLE records (
    customer_id uuid        PRIMARY KEY,
    recorded_at timestamptz NOT NULL
);
