-- What services say of messages, by the name that it has everywhere else.
ALTER TABLE holdings RENAME TO delivery_statuses;
ALTER INDEX holdings_pkey RENAME TO delivery_statuses_pkey;
ALTER INDEX holdings_by_flow RENAME TO delivery_statuses_by_flow;
