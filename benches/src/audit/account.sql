-- A table of 15 columns, with about 400 bytes per row.
CREATE TABLE account (
    id         bigint PRIMARY KEY,
    email      text,
    name       text,
    status     text NOT NULL,
    country    text,
    city       text,
    street     text,
    phone      text,
    notes      text,
    balance    numeric(12, 2),
    credit     numeric,
    created_at timestamptz,
    updated_at timestamptz,
    active     boolean,
    version    integer
);
