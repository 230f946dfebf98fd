-- Whether the first catch-up, which made this row, is one without mails and follow-ups: its restarts are as well, and no
-- later catch-up is.
ALTER TABLE history ADD COLUMN muted boolean NOT NULL DEFAULT false;
