WITH target AS MATERIALIZED (
    SELECT post, nextval('archive.archival_id_seq') AS archival FROM unnest($1::bigint[]) AS post
), clock AS MATERIALIZED (
    SELECT clock_timestamp() AS at
), moved_posts AS (
    DELETE FROM posts AS t USING target WHERE t.id = target.post
    RETURNING t.id, t.title, t.slug, t.content, t.author_id, t.created_at, target.archival
), moved_comments AS (
    DELETE FROM comments AS t USING target WHERE t.post_id = target.post
    RETURNING t.id, t.post_id, t.author_id, t.content, t.created_at, target.archival
), inserted_posts AS (
    INSERT INTO deleted_posts (id, title, slug, content, author_id, created_at, archival_id, deleted_at, deleted_by)
    SELECT m.*, clock.at, 1 FROM moved_posts AS m, clock
    RETURNING archival_id
), inserted_comments AS (
    INSERT INTO deleted_comments (id, post_id, author_id, content, created_at, archival_id, deleted_at, deleted_by)
    SELECT m.*, clock.at, 1 FROM moved_comments AS m, clock
    RETURNING archival_id
)
INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, row_counts, tables)
SELECT target.archival, 'public.posts', jsonb_build_object('id', target.post), clock.at, '1',
       jsonb_build_object('public.posts', 1, 'public.comments', coalesce(c.n, 0)),
       ARRAY['posts'::regclass, 'comments'::regclass]
FROM target CROSS JOIN clock
JOIN inserted_posts ON inserted_posts.archival_id = target.archival
LEFT JOIN (SELECT archival_id, count(*) AS n FROM inserted_comments GROUP BY archival_id) AS c ON c.archival_id = target.archival
RETURNING id
