-- The services' roles with their least rights: each owns the schema of its own name and sees nothing else.
--
-- Run by psql, as a superuser, in the database meant for the fleet; as often as you like, in as many databases.
-- Passwords come from the environment (psql 14 or later): CUSTOMER_PASSWORD, EMAIL_PASSWORD, LOYALTY_PASSWORD.
-- As it stands it also serves as an init script of the postgres image.

\set ON_ERROR_STOP on
\getenv customer_password CUSTOMER_PASSWORD
\getenv email_password EMAIL_PASSWORD
\getenv loyalty_password LOYALTY_PASSWORD

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['customer', 'email', 'loyalty']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE customer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'customer_password';
ALTER ROLE email LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'email_password';
ALTER ROLE loyalty LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'loyalty_password';

-- Unqualified names mean the own schema, and only that.
ALTER ROLE customer SET search_path = customer;
ALTER ROLE email SET search_path = email;
ALTER ROLE loyalty SET search_path = loyalty;

CREATE SCHEMA IF NOT EXISTS customer AUTHORIZATION customer;
CREATE SCHEMA IF NOT EXISTS email AUTHORIZATION email;
CREATE SCHEMA IF NOT EXISTS loyalty AUTHORIZATION loyalty;

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO customer, email, loyalty;
