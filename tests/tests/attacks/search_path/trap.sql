-- For every name in the arrays below: functions and operators in the schema "hostile" that raise an error, with exactly
-- the argument types for which PostgreSQL's own would have to convert an argument, or is polymorphic.
create schema hostile;
grant usage on schema hostile to public;
create sequence hostile.calls;
grant usage on sequence hostile.calls to public;

do $trap$
declare
    functions constant name[] := {functions};
    operators constant name[] := {operators};
    -- The types of columns, elements of the catalog and literals in our statements.
    core constant oid[] := array['oid', 'regclass', 'regtype', 'regnamespace', 'regproc', 'regrole', 'name', 'text', 'varchar',
        'bpchar', '"char"', 'int2', 'int4', 'int8', 'bool', 'jsonb', 'public.mood', 'public.citext', 'public.code']::regtype[];
    scalars constant oid[] := core || array['numeric', 'uuid', 'timestamptz', 'timestamp', 'date', 'json', 'xid', 'tid', 'tstzrange',
        'daterange', 'tstzmultirange', 'datemultirange', 'int2vector', 'oidvector']::regtype[]::oid[];
    arrays constant oid[] := array['oid[]', 'regclass[]', 'int2[]', 'int8[]', 'text[]', 'name[]', 'varchar[]', 'public.mood[]',
        'jsonb[]', 'bool[]', '"char"[]']::regtype[];
    types constant oid[] := scalars || arrays;
    body constant text := $$ begin perform pg_catalog.nextval('hostile.calls'); raise exception 'hostile code was called: %', $$;
    found record;
begin
    create temporary table pairs on commit drop as
        select l, r from unnest(types) as l, unnest(types) as r
        where l = r or l = any (core) and r = any (core)
           or exists (select from pg_type as t where t.oid = l and t.typelem = r and l = any (arrays))
           or exists (select from pg_type as t where t.oid = r and t.typelem = l and r = any (arrays))
           or exists (select from pg_range as t where t.rngtypid = l and t.rngsubtype = r or t.rngmultitypid = l and t.rngtypid = r
                         or t.rngmultitypid = l and t.rngsubtype = r)
           or l in ('jsonb'::regtype, 'json'::regtype) and r in ('text[]'::regtype, 'name[]'::regtype);
    for found in
        select o.name, p.l, p.r from unnest(operators) as o (name), pairs as p
        where exists (select from pg_operator as k where k.oprname = o.name and k.oprnamespace = 'pg_catalog'::regnamespace and k.oprleft <> 0)
          and not exists (select from pg_operator as k where k.oprname = o.name and k.oprleft = p.l and k.oprright = p.r)
    loop
        execute format('create or replace function hostile.trap(a %s, b %s) returns boolean language plpgsql as %L',
            found.l::regtype, found.r::regtype, body || quote_literal(concat('operator of ', found.l::regtype, ', ', found.r::regtype)) || '; end');
        execute format('create operator hostile.%s (leftarg = %s, rightarg = %s, function = hostile.trap)', found.name, found.l::regtype, found.r::regtype);
    end loop;

    create temporary table wanted (name name, arguments oid[], is_variadic boolean) on commit drop;
    -- Each argument has the declared type, a type that is converted to it, or any type where it is polymorphic.
    for found in
        select distinct p.proname, array(select a from unnest(p.proargtypes) as a) as arguments, p.provariadic
        from pg_proc as p
        where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = any (functions)
          and not exists (select from unnest(p.proargtypes::oid[]) as a join pg_type as t on t.oid = a
                          where t.typtype = 'p' and t.typname !~ '^(any|record)')
    loop
        insert into wanted
        with recursive of_kind as (
            select k as type, (select t.typarray from pg_type as t where t.oid = k) as array_type from unnest(types) as k
            where exists (select from unnest(found.arguments) as a where a = any (array['anyelement', 'anyarray', 'anynonarray', 'anyenum',
                              'anycompatible', 'anycompatiblearray', 'anycompatiblenonarray']::regtype[]))
            union all
            select null, null
        ),
        choice as (
            select a.place, k.type as kind, c.type
            from unnest(found.arguments) with ordinality as a (type, place), of_kind as k
            cross join lateral (
                select k.type where a.type = any (array['anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray', 'anyenum']::regtype[])
                union
                select k.array_type where a.type = any (array['anyarray', 'anycompatiblearray']::regtype[])
                union
                select t from unnest(array['tstzrange', 'daterange']::regtype[]::oid[]) as t where a.type in ('anyrange'::regtype, 'anycompatiblerange'::regtype)
                union
                select t from unnest(array['tstzmultirange', 'datemultirange']::regtype[]::oid[]) as t where a.type in ('anymultirange'::regtype, 'anycompatiblemultirange'::regtype)
                union
                select t from unnest(case when cardinality(found.arguments) = 1 then types else core end) as t where a.type = '"any"'::regtype
                union
                select t from unnest(types || 'record'::regtype::oid) as t
                where (select typtype <> 'p' or typname = 'record' from pg_type where oid = a.type)
                  and (t = a.type
                       or exists (select from pg_cast as x where x.castsource = t and x.casttarget = a.type and x.castcontext = 'i')
                       -- A domain counts as its base type. Arguments for text are mostly varchar.
                       or a.type = 'text'::regtype and t = 'public.code'::regtype)
            ) as c (type)
            where c.type is not null and c.type <> 0
        ),
        combined (place, kind, arguments) as (
            select 0::bigint, k.type, '{}'::oid[] from of_kind as k
            union all
            select c.place, c.kind, b.arguments || c.type
            from combined as b join choice as c on c.place = b.place + 1 and c.kind is not distinct from b.kind
        )
        select found.proname, b.arguments, false from (
            select arguments from combined where place = cardinality(found.arguments) limit 1000) as b;
        -- Any number of arguments of any type, after the fixed ones.
        if found.provariadic <> 0 then
            insert into wanted
            with recursive fixed as (select found.arguments[1:cardinality(found.arguments) - 1] as types),
            more (arguments) as (
                select '{}'::oid[]
                union all
                select m.arguments || t from more as m, unnest(case cardinality(m.arguments) when 0 then types when 1 then core
                    when 2 then array['text', 'name', 'int8', 'oid', 'regclass', 'varchar']::regtype[]::oid[] else array['text', 'name']::regtype[]::oid[] end) as t
                where cardinality(m.arguments) < 6
                  and (cardinality(m.arguments) < 2 or m.arguments <@ array['text', 'name', 'int8', 'oid', 'regclass', 'varchar']::regtype[]::oid[])
                  and (cardinality(m.arguments) < 3 or m.arguments <@ array['text', 'name']::regtype[]::oid[])
            )
            select found.proname, f.types || m.arguments, false from fixed as f, more as m where m.arguments <> '{}'
            union all
            select found.proname, f.types || t::oid, true from fixed as f, unnest(array['text[]', 'name[]', 'varchar[]']::regtype[]) as t;
        end if;
    end loop;
    for found in
        select distinct on (w.name, w.arguments) w.name, w.arguments, w.is_variadic from wanted as w
        where not exists (select from pg_proc as p where p.proname = w.name and array(select a from unnest(p.proargtypes) as a) = w.arguments
                             and p.pronamespace = 'pg_catalog'::regnamespace)
        order by w.name, w.arguments, w.is_variadic desc
    loop
        execute format('create function hostile.%I(%s) returns text language plpgsql as %L', found.name,
            (select string_agg(case when found.is_variadic and place = cardinality(found.arguments) then 'variadic ' else '' end
                                   || a::regtype, ', ' order by place) from unnest(found.arguments) with ordinality as u (a, place)),
            body || quote_literal(concat(found.name, ' of ', found.arguments::regtype[])) || '; end');
    end loop;
end
$trap$;
