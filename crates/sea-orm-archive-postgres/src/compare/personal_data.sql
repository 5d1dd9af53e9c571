-- The rules of the table $1 for personal data as one JSON array, with the present names of columns.
SELECT coalesce(jsonb_agg(jsonb_build_object(
           'parent', p.parent::oid::bigint, 'parent_name', p.parent::text,
           'links', coalesce(archive.names_now(p.relation, p.link_columns, p.numbers[:cardinality(p.link_columns)], p.place), '{}'),
           'columns', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', c.name, 'constant', c.replacement, 'is_pseudonym', c.is_pseudonym, 'identifies', c.identifies)), '[]')
                       FROM unnest(archive.names_now(p.relation, p.columns, p.numbers[cardinality(p.link_columns) + 1:], p.place),
                                   p.replacements, p.pseudonyms, p.identifying) AS c(name, replacement, is_pseudonym, identifies)),
           'deletes_rows', p.deletes_rows, 'is_actor', p.acts) ORDER BY p.id), '[]') AS rules
FROM archive.personal_data AS p WHERE p.relation = $1::bigint::oid
