-- How often the mail may have been accepted: all of it was said, and the server gave no answer.
ALTER TABLE mails ADD COLUMN perhaps integer NOT NULL DEFAULT 0;
