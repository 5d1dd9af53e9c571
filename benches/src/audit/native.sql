-- Copies of rows in native columns: the same context, partitions and indexes as the product, without JSON. It does
-- not support added, excluded or redacted columns, nor archives.
CREATE SCHEMA shadow;
CREATE TABLE shadow.account (
    entry          bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL,
    transaction_id bigint NOT NULL,
    operation      text NOT NULL,
    actor          text,
    tenant         text,
    request_id     text,
    database_user  text NOT NULL,
    LIKE account
) PARTITION BY RANGE (at);
CREATE TABLE shadow.account_default PARTITION OF shadow.account DEFAULT;
CREATE TABLE shadow.account_now PARTITION OF shadow.account FOR VALUES FROM ('2020-01-01') TO ('2100-01-01');
{indexes}
CREATE FUNCTION shadow.update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO shadow.account (at, transaction_id, operation, actor, tenant, request_id, database_user, {columns})
    SELECT (SELECT clock_timestamp()), txid_current(), 'UPDATE', {context}, {b_columns}
    FROM old_rows AS b JOIN new_rows AS a ON a.id = b.id WHERE record_image_ne(a, b);
    RETURN NULL;
END
$$;
CREATE FUNCTION shadow.insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO shadow.account (at, transaction_id, operation, actor, tenant, request_id, database_user, {columns})
    SELECT (SELECT clock_timestamp()), txid_current(), 'INSERT', {context}, {b_columns} FROM new_rows AS b;
    RETURN NULL;
END
$$;
CREATE FUNCTION shadow.delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO shadow.account (at, transaction_id, operation, actor, tenant, request_id, database_user, {columns})
    SELECT (SELECT clock_timestamp()), txid_current(), 'DELETE', {context}, {b_columns} FROM old_rows AS b;
    RETURN NULL;
END
$$;
CREATE TRIGGER insert AFTER INSERT ON account REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION shadow.insert();
CREATE TRIGGER update AFTER UPDATE ON account REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION shadow.update();
CREATE TRIGGER delete AFTER DELETE ON account REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION shadow.delete();
