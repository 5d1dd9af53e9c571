-- The triggers of one table. A statement trigger fires once for all rows of a statement.
CREATE OR REPLACE TRIGGER archive_audit_insert AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
CREATE OR REPLACE TRIGGER archive_audit_update AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
CREATE OR REPLACE TRIGGER archive_audit_delete AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {function}();
CREATE OR REPLACE TRIGGER archive_audit_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {function}();
ALTER TABLE {table}
    ENABLE ALWAYS TRIGGER archive_audit_insert,
    ENABLE ALWAYS TRIGGER archive_audit_update,
    ENABLE ALWAYS TRIGGER archive_audit_delete,
    ENABLE ALWAYS TRIGGER archive_audit_truncate;
