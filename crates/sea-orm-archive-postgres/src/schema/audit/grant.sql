-- The rights that a role needs to read the log. Only the triggers write to it, which run as its owner.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT ON archive.audit_entry, archive.audit_details, archive.audited_table, archive.tenancy TO {role};
