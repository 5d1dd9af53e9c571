-- Registered tables and columns that were dropped, or that another table of the same name replaced.
WITH registered AS (
    {registered}
),
-- Tables that `migrate fresh` dropped are not reported: nothing of them exists, and a helper registers the new table. tenancy.sql
-- reports tenancy.
swapped AS (
    SELECT archive.successor(r.relation) AS relation, format('is another table than the one of this name that %s', r.what) AS problem,
           format('call manager.%s(..) for it, or manager.%s(..) if that was meant', r.again, r.never) AS remedy
    FROM registered AS r
    JOIN archive.known_table AS k ON k.relation = r.relation
    WHERE r.again <> 'enable_tenancy'
      AND (k.replaced
           OR EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.relation)
           OR EXISTS (SELECT FROM archive.archived_table AS a JOIN pg_class AS c ON c.oid = a.archive_table WHERE a.active = r.relation))
      AND NOT EXISTS (SELECT FROM registered AS n
                      WHERE n.relation = archive.successor(r.relation) AND n.again = r.again AND n.name = r.name)
    UNION ALL
    SELECT archive.successor(r.active), format('is another table than the one of this name that has the archive table %s', r.archive_table),
           'call manager.archive_existing_table(..) for it'
    FROM archive.archived_table AS r
    WHERE EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.archive_table)
      AND NOT EXISTS (SELECT FROM archive.archived_table AS n WHERE n.active = archive.successor(r.active))
),
lost AS (
    SELECT r.active::oid AS relation, 'has lost its archive table' AS problem,
           'call manager.archive_existing_table(..) again, and restore the rows from a backup' AS remedy
    FROM archive.archived_table AS r
    WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.archive_table)
    UNION ALL
    SELECT k.child::oid, format('has the temporal foreign key %I to a history that was dropped', k.name),
           'call manager.drop_temporal_foreign_key(..)'
    FROM archive.temporal_foreign_key AS k
    WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = k.history)
),
columns AS (
    SELECT k.child::oid AS relation, format('has no column %I, which the temporal foreign key %I needs', n.name, k.name) AS problem,
           'call manager.install_archive() if it was renamed; otherwise add it again, or call manager.drop_temporal_foreign_key(..)' AS remedy
    FROM archive.temporal_foreign_key AS k CROSS JOIN LATERAL unnest(k.columns || k.time_columns) AS n (name)
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = k.child AND a.attname = n.name AND NOT a.attisdropped)
    UNION ALL
    SELECT s.stamped, format('has no column %I, which is stamped', n.name),
           'call manager.unstamp_table(..), and manager.stamp_table(..) with the columns that remain'
    FROM archive.stamped_table AS s
    CROSS JOIN LATERAL unnest(ARRAY[s.created_at, s.created_by, s.updated_at, s.updated_by]) AS n (name)
    WHERE n.name IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = s.stamped AND a.attname = n.name AND NOT a.attisdropped)
    UNION ALL
    SELECT s.stamped, format('has no default for %I, which is stamped', n.name), 'call manager.stamp_table(..) again'
    FROM archive.stamped_table AS s
    CROSS JOIN LATERAL unnest(s.defaults) AS n (name)
    JOIN pg_attribute AS a ON a.attrelid = s.stamped AND a.attname = n.name AND NOT a.attisdropped AND NOT a.atthasdef
    UNION ALL
    SELECT p.relation, format('has no column %I, for which personal data is declared', n.name), 'call manager.declare_personal_data(..) with the present columns'
    FROM archive.personal_data AS p
    CROSS JOIN LATERAL unnest(archive.names_now(p.relation, p.link_columns || p.columns, p.numbers, p.place)) AS n (name)
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = p.relation AND a.attname = n.name AND NOT a.attisdropped)
    UNION ALL
    SELECT t.oid, format('has the column %I, which an erasure sets to NULL, and which is NOT NULL', n.name), 'call manager.declare_personal_data(..) with another replacement'
    FROM archive.personal_data AS p
    CROSS JOIN LATERAL (SELECT p.relation::oid UNION ALL SELECT r.archive_table FROM archive.archived_table AS r WHERE r.active = p.relation) AS t (oid)
    CROSS JOIN LATERAL unnest(archive.names_now(p.relation, p.columns, p.numbers[cardinality(p.link_columns) + 1:], p.place), p.replacements, p.pseudonyms)
        AS n (name, replacement, is_pseudonym)
    JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attname = n.name AND NOT a.attisdropped AND a.attnotnull
    WHERE n.replacement IS NULL AND NOT n.is_pseudonym AND NOT p.deletes_rows
)
SELECT format('%s.%s', n.nspname, c.relname) AS object, d.problem, d.remedy
FROM (SELECT * FROM swapped UNION ALL SELECT * FROM lost UNION ALL SELECT * FROM columns) AS d
JOIN pg_class AS c ON c.oid = d.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
