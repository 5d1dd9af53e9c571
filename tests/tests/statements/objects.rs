//! The objects that migrations create: tables, triggers, policies and functions, as in the catalog.

use std::collections::BTreeSet;

use crate::recorder::Recorder;

const TABLES: &str = "
    select format(E'table %s%s%s\\n%s', c.oid::regclass, case when c.relrowsecurity then ' row level security' end,
                  case when c.relforcerowsecurity then ' forced' end,
                  concat_ws(E'\\n',
        (select string_agg(format('  %s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                                  case when a.attnotnull then ' not null' end, ' default ' || pg_get_expr(d.adbin, d.adrelid)), E'\\n' order by a.attnum)
         from pg_attribute as a left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
        (select string_agg(format('  constraint %s %s', conname, pg_get_constraintdef(oid)), E'\\n' order by conname)
         from pg_constraint where conrelid = c.oid and contype <> 'n'),
        (select string_agg('  ' || pg_get_indexdef(indexrelid), E'\\n' order by indexrelid::regclass::text) from pg_index where indrelid = c.oid),
        (select string_agg(format('  %s %s', pg_get_triggerdef(oid), tgenabled), E'\\n' order by tgname)
         from pg_trigger where tgrelid = c.oid and not tgisinternal),
        (select string_agg(format('  policy %s for %s%s using (%s) check (%s)', polname, polcmd, case when not polpermissive then ' restrictive' end,
                                  pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), E'\\n' order by polname)
         from pg_policy where polrelid = c.oid)))
    from pg_class as c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'seaql_migrations'
    order by c.relname";

const FUNCTIONS: &str = "
    select pg_get_functiondef(p.oid) from pg_proc as p
    where p.pronamespace in ('archive'::regnamespace, 'public'::regnamespace) and p.prokind = 'f' and not exists (
        select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
    order by p.oid::regprocedure::text";

/// The functions that exist.
pub async fn functions(recorder: &Recorder) -> BTreeSet<String> {
    recorder.texts(FUNCTIONS).await.into_iter().collect()
}

/// The tables of the application, and the functions that are not among those before.
pub async fn describe(recorder: &Recorder, before: &BTreeSet<String>) -> String {
    let tables = recorder.texts(TABLES).await;
    let functions = recorder.texts(FUNCTIONS).await;
    let functions = functions.into_iter().filter(|f| !before.contains(f));
    tables
        .into_iter()
        .chain(functions)
        .collect::<Vec<_>>()
        .join("\n\n")
        + "\n"
}
