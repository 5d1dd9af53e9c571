WITH target AS MATERIALIZED (
    SELECT archival FROM unnest($1::bigint[]) AS archival
), taken_posts AS (
    DELETE FROM deleted_posts AS t USING target WHERE t.archival_id = target.archival
    RETURNING t.id, t.title, t.slug, t.content, t.author_id, t.created_at
), taken_comments AS (
    DELETE FROM deleted_comments AS t USING target WHERE t.archival_id = target.archival
    RETURNING t.id, t.post_id, t.author_id, t.content, t.created_at
), back_posts AS (
    INSERT INTO posts (id, title, slug, content, author_id, created_at) SELECT * FROM taken_posts
), back_comments AS (
    INSERT INTO comments (id, post_id, author_id, content, created_at) SELECT * FROM taken_comments
)
UPDATE archive.archival SET restored_at = clock_timestamp(), restored_by = '1'
FROM target WHERE id = target.archival
RETURNING id
