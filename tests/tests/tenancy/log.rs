//! Who finds which entry: of what was written before tenancy, beside it and after it.

use sea_orm_archive_migration::AuditSchema;

use crate::database::{Organisations, number, run, texts};

/// Likes of both organisations, odd ids of the first. Of the table that PostgreSQL has looked at there is nothing but
/// other entries, so it thinks of one row where there are these.
const MANY: &str = "
    analyze archive.audit_entry; analyze likes;
    insert into likes select n, 2 - n % 2, 12 - n % 2 from generate_series(1001, 51000) as n;
    update likes set comment_id = comment_id + 2 where id % 10 < 2;
    delete from likes where id % 100 in (7, 8);
    select set_config('app.current_org_id', '2', false);
    update likes set comment_id = 11 where id = 2001;
    select set_config('app.current_org_id', '', false);
    update likes set org_id = 2, comment_id = 12 where id = 3001;
    alter table likes disable trigger user;
    insert into likes values (60001, 1, 11);
    alter table likes enable trigger user;
    update likes set comment_id = 13 where id = 60001;
    alter table likes disable trigger user;
    delete from likes where id = 60001;
    alter table likes enable trigger user";

const OF_LIKES: &str = "from archive.audit_entry where table_name = 'public.likes'";

/// Compared one by one, which is what PostgreSQL did when it was wrong about how many there are, these would take hours.
#[tokio::test]
async fn very_many_entries_get_their_tenants() {
    let organisations = Organisations::open().await;
    let owner = &organisations.owner;
    organisations.manager().audit_table("likes").await.unwrap();
    run(owner, MANY).await;
    let all = number(owner, &format!("select count(*) {OF_LIKES}")).await;
    assert!(all > 60_000, "{all}");
    organisations.enable().await;

    // The row that was moved, and the one of which nothing else was told.
    let nobodys = ["3001 INSERT", "3001 UPDATE", "3001 UPDATE", "60001 UPDATE"];
    let mut found = nobodys.len() as i64;
    for org in [1, 2] {
        let txn = organisations.tenant(org).await;
        let own = number(&txn, &format!("select count(*) {OF_LIKES}")).await;
        let expected = format!(
            "select count(*) {OF_LIKES} and tenant = '{org}' and 2 - (key->>'id')::bigint % 2 = {org}
             and key not in ('{{\"id\": 3001}}', '{{\"id\": 60001}}')"
        );
        assert_eq!(number(&txn, &expected).await, own);
        found += own;
    }
    assert_eq!(found, all);
    let txn = organisations.administrator().await;
    assert_eq!(
        number(&txn, &format!("select count(*) {OF_LIKES}")).await,
        all
    );
    let told =
        format!("select concat(key->>'id', ' ', operation) {OF_LIKES} and tenant = '' order by id");
    assert_eq!(texts(&txn, &told).await, nobodys);
}
