-- The rows. Triggers create the aggregates and maintain the counters.

insert into persons (name, admin)
select name, name = 'Root' from unnest(array['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn', 'Root']) as name;

insert into communities (name, founder_id, closed, rules) values
    ('Gardens', 1, false, '{"be kind", NULL}'), ('Bread', 2, false, null), ('Kites', 1, false, '{}'), ('bread', 3, true, null);

insert into members
select c, p, p = c from generate_series(1, 4) as c, generate_series(1, 6) as p where (c + p) % 3 <> 1;

insert into posts (community_id, author_id, title, url, pinned, locked)
select 1 + n % 3, 1 + n % 6, 'Post ' || n || case n when 8 then ' ' || repeat('long ', 10) else '' end,
       case when n % 2 = 0 then 'https://forum.example/' || n % 4 end, n <= 3, n = 9
from generate_series(1, 10) as n;
-- Post 8 violates it.
alter table posts add constraint posts_title check (length(title) <= 40) not valid;

-- Three comments below each other and one beside them, for each post but the last two.
do $$
declare
    above bigint;
begin
    for p in 1 .. 7 loop
        above := null;
        for n in 1 .. 4 loop
            insert into comments (post_id, author_id, parent_id, path, content)
            values (p, 1 + (p + n) % 6, case when n < 4 then above end, '0', 'Comment ' || n)
            returning id into above;
        end loop;
    end loop;
end $$;

insert into post_votes
select v, p, case (v * p) % 4 when 0 then -1 else 1 end
from generate_series(1, 6) as v, generate_series(1, 10) as p where (v + p) % 3 = 0 and p <> 8;
insert into comment_votes
select c, v, case (v + c) % 5 when 0 then -1 else 1 end
from generate_series(1, 28) as c, generate_series(1, 6) as v where (2 * v + c) % 8 = 0;

insert into tags (community_id, name) select 1 + n % 3, 'Tag ' || n from generate_series(1, 5) as n;
insert into post_tags select p, t from generate_series(1, 10) as p, generate_series(1, 5) as t where (p + t) % 4 = 0;

insert into attachments (post_id, owner_id, file)
select case when n % 3 > 0 then n end, case when n % 4 > 0 then 1 + n % 6 end, 'file ' || n from generate_series(1, 6) as n;
insert into reports (post_id, reporter_id) values (7, 4), (null, 4);
