-- One name for a thing: `subject` in SQL as in events, logs and the API; and the counter of beginnings by what it finds.
-- Not expanded and contracted: a service of an older version must be stopped first.

ALTER TABLE outbox RENAME COLUMN key TO subject;
ALTER INDEX outbox_unpublished_by_key RENAME TO outbox_unpublished_by_subject;

ALTER TABLE parked RENAME COLUMN key TO subject;

ALTER TABLE suspects RENAME TO poison;
ALTER INDEX suspects_pkey RENAME TO poison_pkey;
