-- The design of a typical blog post, copied literally except for two errors: the primary key is read from `id` (the
-- post has `NEW.pk_value_from_first_col`, in a block that hides the error), and for a DELETE from the old row. The
-- block with EXCEPTION is unchanged, because readers copy it from the post.
CREATE SCHEMA audit;
CREATE TYPE audit.operation AS ENUM ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE');
CREATE TABLE audit.audit_log (
    id           bigserial PRIMARY KEY,
    table_name   text NOT NULL,
    operation    audit.operation NOT NULL,
    row_id       text,
    old_values   jsonb,
    new_values   jsonb,
    changed_by   text NOT NULL DEFAULT 'unknown',
    changed_at   timestamptz NOT NULL DEFAULT now(),
    session_info jsonb
);
CREATE INDEX idx_audit_log_table_name ON audit.audit_log (table_name, changed_at DESC);
CREATE INDEX idx_audit_log_row_id ON audit.audit_log (table_name, row_id, changed_at DESC);
CREATE FUNCTION audit.audit_trigger() RETURNS trigger AS $$
DECLARE
    pk_value     text;
    old_row      jsonb;
    new_row      jsonb;
    user_name    text;
    session_data jsonb;
BEGIN
    user_name := current_setting('app.current_user', true);
    IF user_name IS NULL THEN
        user_name := session_user;
    END IF;
    session_data := jsonb_build_object(
        'client_addr', inet_client_addr(),
        'client_port', inet_client_port(),
        'backend_pid', pg_backend_pid(),
        'application_name', current_setting('application_name', true)
    );
    BEGIN
        IF TG_OP = 'DELETE' THEN
            pk_value := OLD.id::text;
        ELSE
            pk_value := NEW.id::text;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        pk_value := NULL;
    END;
    IF TG_OP = 'INSERT' THEN
        SELECT row_to_json(NEW)::jsonb INTO new_row;
        INSERT INTO audit.audit_log (table_name, operation, row_id, old_values, new_values, changed_by, session_info)
        VALUES (TG_TABLE_NAME, 'INSERT', pk_value, NULL, new_row, user_name, session_data);
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' THEN
        SELECT row_to_json(OLD)::jsonb INTO old_row;
        SELECT row_to_json(NEW)::jsonb INTO new_row;
        INSERT INTO audit.audit_log (table_name, operation, row_id, old_values, new_values, changed_by, session_info)
        VALUES (TG_TABLE_NAME, 'UPDATE', pk_value, old_row, new_row, user_name, session_data);
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT row_to_json(OLD)::jsonb INTO old_row;
        INSERT INTO audit.audit_log (table_name, operation, row_id, old_values, new_values, changed_by, session_info)
        VALUES (TG_TABLE_NAME, 'DELETE', pk_value, old_row, NULL, user_name, session_data);
        RETURN OLD;
    END IF;
    RETURN NULL;
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;
CREATE TRIGGER audit_account AFTER INSERT OR UPDATE OR DELETE ON account
    FOR EACH ROW EXECUTE FUNCTION audit.audit_trigger();
