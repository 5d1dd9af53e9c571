
    UNION ALL
    SELECT a.relation, '', 'was audited', 'audit_table', 'unaudit_table' FROM archive.audited_table AS a