//! Attacks on archival records and detached links of tables on which a role has no rights.

use blog::post;
use sea_orm::EntityTrait;
use sea_orm_archive::archival;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;

use crate::attacks::blog::{attempt, blog, number, run};

/// The attacks of `tagger` on the record of an archived post, with a fragment of each error.
const ATTEMPTS: [(&str, &str); 31] = [
    ("select archive.claim_archivals(array[{id}::bigint])", "may not restore or purge this"),
    ("select archive.begin_restore({id}, 'me')", "may not restore or purge this"),
    ("select archive.finish_restores(array[{id}::bigint], 'me')", "may not restore or purge this"),
    ("update archive.archival set restored_at = now()", "permission denied"),
    ("delete from archive.archival", "permission denied"),
    ("select id from archive.archival for update", "permission denied"),
    (
        "insert into archive.archival (id, root_table, root_key, archived_at, row_counts, tables)
         select n, 'public.posts', '{}', now(), '{}', '{posts}' from generate_series({id} + 1, {id} + 100) as n",
        "permission denied",
    ),
    ("select nextval('archive.archival_id_seq')", "permission denied"),
    ("select setval('archive.archival_id_seq', 1)", "permission denied"),
    ("select * from archive.signing_key", "permission denied"),
    // Ids that were not drawn, and ids with the signature of others.
    (
        "select archive.record_archivals('{\"ids\": [{id}], \"signature\": \"\"}', '{tags}', now(),
             '{{id}}', '{\"{}\"}', '{\"{}\"}', '{null}')",
        "drawn by archive.draw_archivals() in the same transaction",
    ),
    (
        "select archive.record_archivals(archive.draw_archivals(1), '{tags}', now(),
             array[{id} + 50], '{\"{}\"}', '{\"{}\"}', '{null}')",
        "drawn by archive.draw_archivals() in the same transaction",
    ),
    // A record of no table, or of one without an archive table.
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_archivals(d || '{\"by\": \"ceo\"}', '{}', now(),
             array[(d->'ids'->>0)::bigint], '{\"{}\"}', '{\"{}\"}', '{null}') from d",
        "it needs tables that have archive tables",
    ),
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_archivals(d, '{users}', now(),
             array[(d->'ids'->>0)::bigint], '{\"{}\"}', '{\"{}\"}', '{null}') from d",
        "it needs tables that have archive tables",
    ),
    // A record of a table on which it has no rights.
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_archivals(d, '{posts}', now(),
             array[(d->'ids'->>0)::bigint], '{\"{}\"}', '{\"{}\"}', '{null}') from d",
        "may not archive this",
    ),
    // A record without an element for its id, and one with another time than now.
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_archivals(d, '{tags}', now(),
             array[(d->'ids'->>0)::bigint], '{\"{}\"}', '{\"{}\"}', '{}') from d",
        "one element for each id",
    ),
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_archivals(d, '{tags}', 'infinity',
             array[(d->'ids'->>0)::bigint], '{\"{}\"}', '{\"{}\"}', '{null}') from d",
        "is not the time of this archive",
    ),
    // A table added to the archival of the post, so that its restore fails.
    ("select archive.defer_to('{{id}}', '{{id}}', 'posts')", "may not restore or purge this"),
    // Links that the restore of another role would write into rows, and links that would be missing from it.
    (
        "select archive.record_links(archive.draw_archivals(1), 'comments', array[{id}], '{\"[1]\"}', '{post_id}', '{\"{}\"}', '{null}')",
        "drawn by archive.draw_archivals() in the same transaction",
    ),
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_links(d, 'comments', array[(d->'ids'->>0)::bigint], '{\"[1]\"}', '{post_id}', array['{\"post_id\": 2}'::jsonb], '{null}') from d",
        "it needs UPDATE on post_id",
    ),
    // A link without columns, which needs no right on any.
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_links(d, 'comments', array[(d->'ids'->>0)::bigint], '{\"[1]\"}', '{post_id}', '{\"{}\"}', '{null}') from d",
        "at least one column",
    ),
    // Links without a foreign key, on a table with rights: a link would show changes of the row that it names.
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_links(d, 'post_tags', array[(d->'ids'->>0)::bigint], '{\"[1, 1]\"}', '{x}', array['{\"tag_id\": 2}'::jsonb], '{null}') from d",
        "post_tags has none of (x)",
    ),
    (
        "with d as materialized (select archive.draw_archivals(1) as d)
         select archive.record_links(d, 'post_tags', array[(d->'ids'->>0)::bigint], '{\"[1, 1]\"}', '{post_id}', array['{\"tag_id\": 2}'::jsonb], '{null}') from d",
        "post_tags has none of (post_id)",
    ),
    ("select * from archive.links_of(array[{id}::bigint])", "may not restore or purge this"),
    ("select archive.forget_links('{{id}}', 'comments', '{\"[1]\"}', '{post_id}', '{false}')", "may not restore or purge this"),
    ("select archive.move_links('{{id}}', 'comments', '{{id}}', '{\"[1]\"}', '{post_id}')", "may not restore or purge this"),
    ("select archive.finish_purge('{{id}}', '{}', '{}', 'me', null)", "may not restore or purge this"),
    ("select * from archive.detached_link", "permission denied"),
    ("delete from archive.detached_link", "permission denied"),
    ("insert into archive.detached_link values ({id}, 'comments', '[1]', 'post_id', '{}')", "permission denied"),
    ("select archive.signature('{1}')", "permission denied"),
];

#[tokio::test]
async fn a_role_changes_no_record_of_tables_on_which_it_has_no_rights() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1)
        .reason("secret")
        .exec(&web)
        .await
        .unwrap();
    let tagger = database.connect_as("tagger").await;
    for (attack, refusal) in ATTEMPTS {
        let attack = attack.replace("{id}", &archival.id.to_string());
        let error = attempt(&tagger, &attack).await.expect_err(&attack);
        assert!(error.to_string().contains(refusal), "{attack}: {error}");
    }
    assert_eq!(
        number(
            &db,
            "select count(*) from archive.archival where restored_at is null"
        )
        .await,
        1
    );
    // The next ids are left for other archives.
    post::Entity::archive_by_id(2).exec(&web).await.unwrap();
    archival.restore(&web).await.unwrap();
}

#[tokio::test]
async fn a_role_reads_no_record_of_tables_that_it_may_not_read() {
    let (database, _db) = blog().await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1)
        .reason("secret")
        .exec(&web)
        .await
        .unwrap();
    assert_eq!(
        archival::Entity::find().all(&web).await.unwrap(),
        std::slice::from_ref(&archival)
    );
    let tagger = database.connect_as("tagger").await;
    assert_eq!(archival::Entity::find().all(&tagger).await.unwrap(), []);
    let error = archival.restore(&tagger).await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Archival { .. })),
        "{error}"
    );
}

/// The result is read after the commit, so no value that a caller passes may make the read fail.
#[tokio::test]
async fn metadata_that_serde_json_cannot_hold_is_text() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    for metadata in [
        "1".to_owned() + &"0".repeat(400),
        "[".repeat(200) + &"]".repeat(200),
    ] {
        let set =
            format!("update archive.archival set metadata = '{metadata}', restored_at = null");
        attempt(&db, &set).await.unwrap();
        let restored = archival.restore(&web).await.unwrap();
        assert_eq!(restored.archival.metadata, Some(metadata.into()));
        let again = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
        attempt(&db, &format!("delete from archive.archival where id = {}; update deleted_posts set archival_id = {1};
             update deleted_comments set archival_id = {1}", again.id, archival.id)).await.unwrap();
    }
}

/// The expression of an index runs as the owner of its table, in the session of the role that maintains the table.
#[tokio::test]
async fn code_that_maintenance_runs_does_not_act_as_the_maintainer() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    let tagger = database.role("tagger").await;
    attempt(&db, &format!("create schema authorization {tagger}"))
        .await
        .unwrap();
    let trap = format!(
        "create table {tagger}.bait (id int);
         create function {tagger}.act(int) returns int immutable language plpgsql as $$
         begin
             perform archive.finish_restores(array[{}::bigint], 'mallory');
             return 1;
         exception when others then
             return 2;
         end $$;
         insert into {tagger}.bait values (1);
         create index on {tagger}.bait ({tagger}.act(id))",
        archival.id
    );
    attempt(&database.connect_as("tagger").await, &trap)
        .await
        .unwrap();
    attempt(
        &db,
        &format!("analyze {tagger}.bait; reindex table {tagger}.bait"),
    )
    .await
    .unwrap();
    let open = "select count(*) from archive.archival where restored_at is null";
    assert_eq!(number(&db, open).await, 1);
    archival.restore(&web).await.unwrap();
}

#[tokio::test]
async fn archival_with_rows_hidden_by_a_policy_is_not_marked_as_restored() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    attempt(&db, "alter table deleted_posts enable row level security")
        .await
        .unwrap();
    let finish = format!(
        "select archive.finish_restores(array[{}::bigint], 'me')",
        archival.id
    );
    let error = attempt(&web, &finish).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("still has rows in public.deleted_posts"),
        "{error}"
    );
    let role = database.role("web").await;
    attempt(
        &db,
        &format!("create policy own on deleted_posts to {role} using (true)"),
    )
    .await
    .unwrap();
    archival.restore(&web).await.unwrap();
}

/// The ids of one archive of several rows are signed, for these ids and this transaction.
#[tokio::test]
async fn ids_of_several_archivals_must_be_drawn_in_the_same_transaction() {
    let (database, _db) = blog().await;
    let session = database.session_as("tagger", "tagger").await;
    for attack in [
        "select archive.record_archivals(archive.draw_archivals(2), '{tags}', now(),
             '{4711,4712}', '{\"{}\",\"{}\"}', '{\"{}\",\"{}\"}', '{null,null}')",
        "begin;
         create temporary table drawn as select archive.draw_archivals(2) as d;
         commit;
         select archive.record_archivals(d, '{tags}', now(), array(select i::bigint from jsonb_array_elements_text(d->'ids') as i),
             '{\"{}\",\"{}\"}', '{\"{}\",\"{}\"}', '{null,null}') from drawn",
    ] {
        let error = attempt(&session.db(), attack).await.expect_err(attack);
        assert!(
            error.to_string().contains("drawn by archive.draw_archivals() in the same transaction"),
            "{attack}: {error}"
        );
    }
}

/// A pooled session still has the id that its earlier user has drawn: no link can be added to that archival.
#[tokio::test]
async fn next_user_of_a_session_cannot_add_a_link_to_the_archival_of_the_last_one() {
    let (database, db) = blog().await;
    let session = database.session("pooled").await.db();
    run(
        &db,
        "insert into tags (name) values ('a'); insert into post_tags values (1, 1)",
    )
    .await;
    let roles = [database.role("web").await, database.role("tagger").await];
    run(&session, &format!("set role {}", roles[0])).await;
    let archival = post::Entity::archive_by_id(2).exec(&session).await.unwrap();
    run(&session, &format!("set role {}", roles[1])).await;
    let attack = format!(
        "select archive.record_links('{{}}', 'post_tags', '{{{}}}', '{{\"[\\\"1\\\", \\\"1\\\"]\"}}', '{{tag_id}}', array['{{\"tag_id\": 1}}'::jsonb], '{{null}}')",
        archival.id
    );
    let error = attempt(&session, &attack).await.expect_err(&attack);
    assert!(
        error.to_string().contains("recorded before their archival"),
        "{attack}: {error}"
    );
}

/// The actor of a restore is recorded once.
#[tokio::test]
async fn restored_archival_is_not_marked_again() {
    let (database, db) = blog().await;
    let web = database.connect_as("web").await;
    let archival = post::Entity::archive_by_id(1).exec(&web).await.unwrap();
    archival.restore(&web).await.unwrap();
    for function in [
        "begin_restore({id}, 'another')",
        "finish_restores('{{id}}', 'another')",
    ] {
        let call = function.replace("{id}", &archival.id.to_string());
        run(&web, &format!("select archive.{call}")).await;
        let marked = "select count(*) from archive.archival where restored_by = 'another'";
        assert_eq!(number(&db, marked).await, 0, "{function}");
    }
}

/// A role that may delete archived rows and insert active ones, but not read archived rows.
#[tokio::test]
async fn role_that_may_not_read_archived_rows_reads_no_record_of_them() {
    let (database, db) = blog().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let tables = format!(
        "select r.active, r.archive_table from archive.archived_table r where r.active = any ((select a.tables from archive.archival a where a.id = {})::regclass[])",
        archival.id
    );
    let grant = |rights: &str, column: &str| {
        let job = database.role("tagger");
        let tables = tables.clone();
        let (rights, column) = (rights.to_owned(), column.to_owned());
        async move {
            format!(
                "do $do$ declare t record; begin for t in {tables} loop
                     execute format('grant {rights} on %s to %I', t.{column}, '{}'); end loop; end $do$",
                job.await
            )
        }
    };
    for (rights, column) in [("insert", "active"), ("delete", "archive_table")] {
        run(&db, &grant(rights, column).await).await;
    }
    let session = database.session_as("job", "tagger").await.db();
    let functions = [
        "claim_archivals(array[{id}::bigint])",
        "links_of(array[{id}::bigint])",
        "finish_restores(array[{id}::bigint], 'me')",
        "finish_purge('{{id}}', '{}', '{}', 'me', null)",
        "begin_restore({id}, 'me')",
    ];
    let calls = functions.map(|f| {
        format!(
            "select archive.{}",
            f.replace("{id}", &archival.id.to_string())
        )
    });
    for call in &calls {
        let error = attempt(&session, call).await.expect_err(call);
        assert!(
            error.to_string().contains("may not restore or purge this"),
            "{call}: {error}"
        );
    }
    // Only SELECT was missing.
    run(&db, &grant("select", "archive_table").await).await;
    attempt(&session, &calls[4]).await.unwrap();
}
