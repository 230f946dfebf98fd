-- The services' roles with their least rights: each owns the schema of its own name and sees nothing else.
-- Generated from shared/contracts/src/services.rs: scripts/generate.
--
-- Run by psql, as a superuser, in the database meant for the fleet; as often as you like, in as many databases.
-- Passwords come from the environment (psql 14 or later): CUSTOMER_PASSWORD, EMAIL_PASSWORD, LOYALTY_PASSWORD, FLOW_VIEW_PASSWORD.
-- As it stands it also serves as an init script of the postgres image.

\set ON_ERROR_STOP on
\getenv customer_password CUSTOMER_PASSWORD
\getenv email_password EMAIL_PASSWORD
\getenv loyalty_password LOYALTY_PASSWORD
\getenv flow_view_password FLOW_VIEW_PASSWORD

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['customer', 'email', 'loyalty', 'flow_view']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE customer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'customer_password';
ALTER ROLE email LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'email_password';
ALTER ROLE loyalty LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'loyalty_password';
ALTER ROLE flow_view LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'flow_view_password';

-- Unqualified names mean the own schema, and only that.
ALTER ROLE customer SET search_path = customer;
ALTER ROLE email SET search_path = email;
ALTER ROLE loyalty SET search_path = loyalty;
ALTER ROLE flow_view SET search_path = flow_view;

CREATE SCHEMA IF NOT EXISTS customer AUTHORIZATION customer;
CREATE SCHEMA IF NOT EXISTS email AUTHORIZATION email;
CREATE SCHEMA IF NOT EXISTS loyalty AUTHORIZATION loyalty;
CREATE SCHEMA IF NOT EXISTS flow_view AUTHORIZATION flow_view;

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO customer, email, loyalty, flow_view;
