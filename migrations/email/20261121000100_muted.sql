-- A mail that a muted replay would have sent: its row keeps a later replay from sending it after all.
ALTER TABLE mails DROP CONSTRAINT mails_state_check;
ALTER TABLE mails ADD CONSTRAINT mails_state_check
    CHECK (state IN ('queued', 'sent', 'refused', 'expired', 'cancelled', 'muted'));
