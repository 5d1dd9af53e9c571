WITH target AS MATERIALIZED (
    SELECT nextval('archive.archival_id_seq') AS archival, clock_timestamp() AS at
), moved_posts AS (
    DELETE FROM posts WHERE id = $1
    RETURNING id, title, slug, content, author_id, created_at
), moved_comments AS (
    DELETE FROM comments WHERE post_id = $1
    RETURNING id, post_id, author_id, content, created_at
), inserted_posts AS (
    INSERT INTO deleted_posts (id, title, slug, content, author_id, created_at, deleted_at, deleted_by, archival_id)
    SELECT m.*, target.at, 1, target.archival FROM moved_posts AS m, target
    RETURNING 1
), inserted_comments AS (
    INSERT INTO deleted_comments (id, post_id, author_id, content, created_at, deleted_at, deleted_by, archival_id)
    SELECT m.*, target.at, 1, target.archival FROM moved_comments AS m, target
    RETURNING 1
)
INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, row_counts, tables)
SELECT archival, 'public.posts', jsonb_build_object('id', $1), at, '1',
       jsonb_build_object('public.posts', (SELECT count(*) FROM inserted_posts), 'public.comments', (SELECT count(*) FROM inserted_comments)),
       ARRAY['posts'::regclass, 'comments'::regclass]
FROM target
RETURNING id
