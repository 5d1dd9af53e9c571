-- What uninstall_audit() drops.
DROP TABLE IF EXISTS archive.audit_handover;
DROP FUNCTION IF EXISTS archive.audit_fits(integer, boolean);
DROP TABLE IF EXISTS archive.audited_table;
DROP TABLE IF EXISTS archive.audit_details;
DROP TABLE IF EXISTS archive.audit_entry;
DROP FUNCTION IF EXISTS archive.make_audit_partitions(integer);
DROP FUNCTION IF EXISTS archive.audit_value(anyelement);
DROP FUNCTION IF EXISTS archive.audit_statement(text, oid, integer, boolean, smallint[], smallint[], smallint);
DROP FUNCTION IF EXISTS archive.audit_settings(boolean);
DROP FUNCTION IF EXISTS archive.audit_put_back(text[]);
DROP FUNCTION IF EXISTS archive.audit_shape(oid);
DROP FUNCTION IF EXISTS archive.audit_details();
DROP FUNCTION IF EXISTS archive.audit_text(text);
DROP FUNCTION IF EXISTS archive.refuse_lost_rows();
