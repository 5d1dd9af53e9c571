//! Detached links of every tenant follow changed keys and deleted rows of shared tables, while other tables are under
//! tenancy and the owner is no superuser.

use sea_orm_archive_migration::ArchiveSchema;

use crate::tenancy::database::{Organisations, attempt, number, run, texts};

#[tokio::test]
async fn links_of_every_tenant_follow_a_shared_row() {
    let organisations = Organisations::new().await;
    let owner = &organisations.owner;
    run(owner, "create table seats (code text primary key, post_id bigint references posts on delete set null)").await;
    organisations
        .manager()
        .sync_archived_table("posts")
        .await
        .unwrap();
    let above = organisations.database.connect().await;
    run(&above, "insert into seats values ('A', null), ('B', null);
        insert into archive.detached_link values (77, 'seats', '[\"A\"]', 'post_id', '{}', '1'), (77, 'seats', '[\"B\"]', 'post_id', '{}', '1')").await;
    run(
        owner,
        "update seats set code = 'C' where code = 'A'; delete from seats where code = 'B'",
    )
    .await;
    let links = "select count(*) from archive.detached_link where child_key";
    assert_eq!(
        number(&above, &format!("{links} = '[\"C\"]' and not deleted")).await,
        1
    );
    assert_eq!(
        number(&above, &format!("{links} = '[\"B\"]' and deleted")).await,
        1
    );
}

/// A table of another role refers to an archived one.
#[tokio::test]
async fn a_table_of_another_role_does_not_stop_the_migrations() {
    let organisations = Organisations::open().await;
    let above = organisations.database.connect().await;
    run(&above, "create schema apart; create table apart.mine (id int primary key, post_id bigint references public.posts on delete set null)").await;
    organisations
        .manager()
        .sync_archived_table("posts")
        .await
        .unwrap();
}

/// A link to a row of another tenant shows neither a change of its key nor that it was deleted.
#[tokio::test]
async fn link_to_a_row_of_another_tenant_does_not_follow_it() {
    let organisations = Organisations::new().await;
    let draw = "with d as materialized (select archive.draw_archivals(1) as d), i as materialized (select d, (d->'ids'->>0)::bigint as id from d)
        select archive.record_links(d, 'bookmarks', array[id, id], array['[\"21\"]', '[\"777\"]']::jsonb[], '{post_id,post_id}',
                                    array['{\"post_id\": 1}', '{\"post_id\": 1}']::jsonb[], '{ORG,ORG}'),
               archive.record_archivals(d, '{posts}', now(), array[id], '{\"{}\"}', '{\"{}\"}', '{ORG}') from i";
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        run(&txn, &draw.replace("ORG", &org.to_string())).await;
        txn.commit().await.unwrap();
    }
    let seen = async |org: i64| {
        let txn = organisations.tenant(org).await;
        let id = number(&txn, "select max(id) from archive.archival").await;
        let links = format!(
            "select concat_ws(' ', child_key, deleted) from archive.links_of(array[{id}::bigint]) order by 1"
        );
        texts(&txn, &links).await
    };
    for (change, own) in [
        (
            "update bookmarks set id = 987 where id = 21",
            ["[\"777\"] f", "[\"987\"] f"],
        ),
        (
            "delete from bookmarks where id = 987",
            ["[\"777\"] f", "[\"987\"] t"],
        ),
    ] {
        let administrator = organisations.administrator().await;
        run(&administrator, change).await;
        administrator.commit().await.unwrap();
        assert_eq!(seen(1).await, own, "{change}");
        assert_eq!(seen(2).await, ["[\"21\"] f", "[\"777\"] f"], "{change}");
    }
}

/// Where another role owns the table, a policy named `tenancy` may be forged.
#[tokio::test]
async fn no_policy_of_another_role_runs_where_a_key_is_followed() {
    let organisations = Organisations::new().await;
    let above = organisations.database.connect().await;
    let mallory = organisations.database.role("mallory").await;
    let owner = organisations.database.role("owner").await;
    run(
        &above,
        "insert into posts (id, org_id, slug) values (5, 1, 'five'); insert into deleted_comments (id, org_id, post_id, deleted_at, archival_id) values (99, 1, 5, now(), 1)",
    )
    .await;
    run(
        &above,
        &format!(
            "create schema evil authorization \"{mallory}\"; grant usage on schema evil to public;
             alter table deleted_comments owner to \"{mallory}\"; grant all on deleted_comments to \"{owner}\""
        ),
    )
    .await;
    let attacker = organisations.database.connect_as("mallory").await;
    run(
        &attacker,
        "create sequence evil.ran_as_owner; grant usage on sequence evil.ran_as_owner to public;
         create function evil.f() returns boolean language plpgsql as $$ begin
             if current_user like '%owner' then perform nextval('evil.ran_as_owner'); end if; return true; end $$;
         do $$ declare dropped text; begin
             for dropped in select format('drop policy %I on deleted_comments', polname) from pg_policy where polrelid = 'deleted_comments'::regclass
             loop execute dropped; end loop;
         end $$;
         create policy tenancy on deleted_comments using (evil.f())",
    )
    .await;
    let administrator = organisations.administrator().await;
    let refused = attempt(&administrator, "update posts set id = 77 where id = 5").await;
    drop(administrator);
    let ran = "select count(*) from evil.ran_as_owner where is_called";
    assert_eq!(number(&attacker, ran).await, 0);
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("belongs to the role"), "{error}");
}
