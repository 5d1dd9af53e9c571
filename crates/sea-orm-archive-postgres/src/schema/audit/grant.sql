-- What a role needs to read the log. Nobody writes to it but the triggers, which run as its owner.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT ON archive.audit_entry, archive.audit_details, archive.audited_table, archive.tenancy TO {role};
