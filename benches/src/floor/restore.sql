WITH taken_posts AS (
    DELETE FROM deleted_posts WHERE archival_id = $1
    RETURNING id, title, slug, content, author_id, created_at
), taken_comments AS (
    DELETE FROM deleted_comments WHERE archival_id = $1
    RETURNING id, post_id, author_id, content, created_at
), back_posts AS (
    INSERT INTO posts (id, title, slug, content, author_id, created_at) SELECT * FROM taken_posts
), back_comments AS (
    INSERT INTO comments (id, post_id, author_id, content, created_at) SELECT * FROM taken_comments
)
UPDATE archive.archival SET restored_at = clock_timestamp(), restored_by = '1' WHERE id = $1
RETURNING id
