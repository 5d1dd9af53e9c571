//! Each request has its own context: through axum, on one connection, and when requests fail or are cancelled.

use std::net::SocketAddr;
use std::time::Duration;

use ::blog::post;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait};
use sea_orm_archive::Context;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{ContextLayer, Error};
use sea_orm_archive_tests::Session;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::context::database::{Known, blog, known, one};
use crate::context::dropped::polled;

#[derive(Clone)]
struct User {
    name: String,
    tenant: String,
}

/// An authentication that waits, as one that queries a database does.
async fn authenticate(mut request: Request, next: Next) -> Response {
    tokio::task::yield_now().await;
    if let Some(user) = user(request.headers()) {
        request.extensions_mut().insert(user);
    }
    next.run(request).await
}

fn user(headers: &HeaderMap) -> Option<User> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    Some(User {
        name: text("x-user")?,
        tenant: text("x-tenant")?,
    })
}

fn json_of(known: Known) -> Json<Value> {
    let details = known
        .details
        .map(|text| serde_json::from_str::<Value>(&text));
    Json(json!({
        "actor": known.actor, "tenant": known.tenant, "request_id": known.request_id,
        "details": details.map(Result::unwrap),
    }))
}

async fn who(State(db): State<DatabaseConnection>, context: Context) -> Result<Response, Error> {
    let known = context
        .run(&db, async |txn| Ok::<_, Error>(known(txn).await))
        .await?;
    Ok(json_of(known).into_response())
}

/// Writes its context to a table, and then ends as `how` requests.
async fn write(
    State(db): State<DatabaseConnection>,
    context: Context,
    Path(how): Path<String>,
) -> Result<Json<Value>, Error> {
    let known = context
        .run(&db, async move |txn| {
            let sql = "insert into written (actor, tenant, request_id)
                       values (archive.current_actor(), archive.current_tenant(), archive.current_request_id())";
            txn.execute_unprepared(sql).await?;
            match how.as_str() {
                "fail" => {
                    txn.execute_unprepared("select 1 / 0").await?;
                }
                "panic" => panic!("a handler's own"),
                "slow" => {
                    txn.execute_unprepared("select pg_sleep(0.02)").await?;
                }
                _ => {}
            }
            Ok::<_, Error>(known(txn).await)
        })
        .await?;
    Ok(json_of(known))
}

async fn archive_post(
    State(db): State<DatabaseConnection>,
    context: Context,
    Path(id): Path<i64>,
) -> Result<Json<Option<String>>, Error> {
    let archival = context
        .run(&db, async move |txn| {
            post::Entity::archive_by_id(id).exec(txn).await
        })
        .await?;
    Ok(Json(archival.archived_by))
}

/// Refuses a request without a user.
fn layer() -> ContextLayer {
    ContextLayer::new().try_identify(|parts, context| {
        let user = parts.extensions.get::<User>();
        let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
        Ok::<_, StatusCode>(
            context
                .actor(user.name.as_str())
                .tenant(user.tenant.as_str()),
        )
    })
}

fn app(db: &DatabaseConnection, layer: ContextLayer) -> Router {
    Router::new()
        .route("/who", get(who))
        .route("/write/{how}", get(write))
        .route("/posts/{id}", delete(archive_post))
        .layer(layer)
        .layer(middleware::from_fn(authenticate))
        .with_state(db.clone())
}

fn asking(path: &str, headers: &[(&str, &str)]) -> Request {
    headers
        .iter()
        .fold(Request::get(path), |request, (name, value)| {
            request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .body(Body::empty())
        .unwrap()
}

/// A request of user `i`, each of whom has a tenant of its own.
fn of_user(i: usize, path: &str) -> Request {
    let (user, tenant, id) = (format!("u{i}"), format!("t{i}"), format!("r{i}"));
    let headers = [
        ("x-user", &*user),
        ("x-tenant", &tenant),
        ("x-request-id", &id),
    ];
    asking(path, &headers)
}

async fn text(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.into()).unwrap()
}

/// The request id of the response, and the context that the database read.
async fn asked(app: &Router, request: Request) -> (String, Value) {
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let id = response.headers()["x-request-id"].to_str().unwrap();
    let id = id.to_owned();
    (id, serde_json::from_str(&text(response).await).unwrap())
}

async fn written(db: &DatabaseConnection) {
    db.execute_unprepared("create table written (actor text, tenant text, request_id text)")
        .await
        .unwrap();
}

#[tokio::test]
async fn handler_has_the_context_of_its_request() {
    let blog = blog().await;
    let db = blog.connect().await;
    let app = app(&db, layer());
    let mut request = asking(
        "/who",
        &[
            ("x-user", "7"),
            ("x-tenant", "acme"),
            ("x-request-id", "7f3a"),
            ("user-agent", "curl/8.5"),
        ],
    );
    let address: SocketAddr = "[::ffff:10.0.0.1]:4711".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
    let (id, known) = asked(&app, request).await;
    assert_eq!(id, "7f3a");
    assert_eq!(
        known,
        json!({"actor": "7", "tenant": "acme", "request_id": "7f3a",
               "details": {"client_address": "10.0.0.1", "user_agent": "curl/8.5"}})
    );

    let mut request = asking("/posts/1", &[("x-user", "7"), ("x-tenant", "acme")]);
    *request.method_mut() = axum::http::Method::DELETE;
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(text(response).await, "\"7\"");
    let deleted = post::deleted::Entity::find_by_id(1).one(&db).await.unwrap();
    assert_eq!(deleted.unwrap().deleted_by, Some(7));

    // The error of a call becomes the response, with a message for the client.
    let user = [("x-user", "7"), ("x-tenant", "acme")];
    for (id, status, message) in [
        (1, StatusCode::CONFLICT, r#"posts {"id":1} is archived"#),
        (
            99,
            StatusCode::NOT_FOUND,
            r#"posts has no row with the key {"id":99}"#,
        ),
    ] {
        let mut request = asking(&format!("/posts/{id}"), &user);
        *request.method_mut() = axum::http::Method::DELETE;
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        let text = text(response).await;
        assert!(text.starts_with(message), "{text}");
    }
    let failed = app.clone().oneshot(asking("/write/fail", &user));
    let failed = failed.await.unwrap();
    assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(text(failed).await, "", "statements are not shown");

    let refused = app.oneshot(asking("/who", &[("x-request-id", "r")])).await;
    let refused = refused.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["x-request-id"], "r");
}

#[tokio::test]
async fn handler_without_the_layer_reports_what_to_add() {
    let blog = blog().await;
    let db = blog.connect().await;
    let app = Router::new().route("/who", get(who)).with_state(db);
    let response = app.oneshot(asking("/who", &[])).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = text(response).await;
    assert!(
        text.contains("`.layer(sea_orm_archive::ContextLayer::new())`"),
        "{text}"
    );
}

#[tokio::test]
async fn invalid_request_ids_are_replaced_and_long_user_agents_are_cut() {
    let blog = blog().await;
    let db = blog.connect().await;
    let app = app(&db, ContextLayer::new());
    let megabyte = "x".repeat(1 << 20);
    for odd in ["", "a b", "a\tb", "\u{e4}\u{1f980}", &megabyte] {
        let request = asking("/who", &[("x-request-id", odd), ("user-agent", odd)]);
        let (id, known) = asked(&app, request).await;
        assert_eq!(known["request_id"], id);
        assert_eq!(id.len(), 32, "{id}");
        let agent: String = odd.chars().take(512).collect();
        assert_eq!(known["details"]["user_agent"], agent);
        assert_eq!(known["actor"], Value::Null);
    }
    let sql = "'; drop table posts; --";
    let (id, _) = asked(&app, asking("/who", &[("x-request-id", sql)])).await;
    assert_ne!(id, sql);
    let sql = "';drop/**/table/**/posts;--";
    let (id, known) = asked(&app, asking("/who", &[("x-request-id", sql)])).await;
    assert_eq!((&*id, &known["request_id"]), (sql, &json!(sql)));
}

#[tokio::test]
async fn client_address_is_not_read_from_forged_headers() {
    let blog = blog().await;
    let db = blog.connect().await;
    let client = |layer: ContextLayer, forwarded: Option<&'static str>| {
        let app = app(&db, layer);
        async move {
            let headers = forwarded.map(|hops| ("x-forwarded-for", hops));
            let mut request = asking("/who", headers.as_slice());
            let address = SocketAddr::from(([10, 0, 0, 1], 4711));
            request.extensions_mut().insert(ConnectInfo(address));
            let (_, known) = asked(&app, request).await;
            known["details"]["client_address"].clone()
        }
    };
    let forged = Some("6.6.6.6, 192.0.2.7");
    assert_eq!(client(ContextLayer::new(), forged).await, "10.0.0.1");
    let behind = || ContextLayer::new().behind_proxy();
    assert_eq!(client(behind(), forged).await, "192.0.2.7");
    assert_eq!(client(behind(), None).await, "10.0.0.1");
    assert_eq!(client(behind(), Some("6.6.6.6, x")).await, Value::Null);
}

#[tokio::test]
async fn request_id_of_the_application_wins() {
    let blog = blog().await;
    let db = blog.connect().await;
    let own = |id: &'static str| ContextLayer::new().identify(move |_, c| c.request_id(id));
    let request = || asking("/who", &[("x-request-id", "theirs")]);
    let (id, known) = asked(&app(&db, own("ours")), request()).await;
    assert_eq!((&*id, &known["request_id"]), ("ours", &json!("ours")));
    // Two nested layers use the same id, also a generated one.
    let twice = app(&db, ContextLayer::new()).layer(ContextLayer::new());
    let (id, known) = asked(&twice, asking("/who", &[])).await;
    assert_eq!(known["request_id"], id);
    // An id that is not a valid header value is passed to the database only.
    let response = app(&db, own("a\nb")).oneshot(request()).await.unwrap();
    assert!(!response.headers().contains_key("x-request-id"));
    assert!(text(response).await.contains("\"a\\nb\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_sees_the_context_of_another() {
    const REQUESTS: usize = 240;
    let blog = blog().await;
    // One connection: the next request would see a context that was not reset.
    let session = blog.session("pool of one").await;
    let db = session.db();
    written(&db).await;
    let app = app(&db, layer());
    let mut requests = JoinSet::new();
    for i in 0..REQUESTS {
        let (app, db) = (app.clone(), db.clone());
        requests.spawn(async move {
            let how = ["well", "fail", "panic", "slow", "cancelled", "plain"][i % 6];
            match how {
                "plain" => {
                    assert_eq!(known(&db).await, Known::default());
                    return "plain";
                }
                "panic" => {
                    let asked = tokio::spawn(app.oneshot(of_user(i, "/write/panic")));
                    assert!(asked.await.unwrap_err().is_panic());
                    return "panicked";
                }
                "cancelled" => {
                    // While it waits for the connection, or while it runs.
                    let asked = app.oneshot(of_user(i, "/write/slow"));
                    return match timeout(Duration::from_millis(i as u64 * 5), asked).await {
                        Err(_) => "cancelled",
                        Ok(_) => "slow",
                    };
                }
                _ => {}
            }
            let request = of_user(i, &format!("/write/{how}"));
            let response = app.oneshot(request).await.unwrap();
            assert_eq!(response.headers()["x-request-id"], *format!("r{i}"));
            let status = response.status();
            let text = text(response).await;
            if how == "fail" {
                assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
                assert_eq!(text, "", "what the database reports is for the log");
                return "failed";
            }
            let known: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                known,
                json!({"actor": format!("u{i}"), "tenant": format!("t{i}"),
                       "request_id": format!("r{i}"), "details": null})
            );
            how
        });
    }
    let mut ends = requests.join_all().await;
    ends.sort_unstable();
    let count = |how| ends.iter().filter(|end| **end == how).count();
    for how in ["well", "failed", "panicked", "plain"] {
        assert_eq!(count(how), REQUESTS / 6, "{how}");
    }
    assert!(count("cancelled") > 0, "nothing was cancelled: {ends:?}");

    assert_eq!(known(&db).await, Known::default());
    // Every row has the context of one request, and no row is of a request that failed.
    let mixed = "select count(*)::text from written
                 where ltrim(actor, 'u') <> ltrim(tenant, 't') or ltrim(actor, 'u') <> ltrim(request_id, 'r')
                    or actor is null or tenant is null or request_id is null
                    or ltrim(actor, 'u')::int % 6 not in (0, 3, 4)";
    assert_eq!(one(&db, mixed).await.as_deref(), Some("0"));
    let answered = count("well") + count("slow");
    let rows = one(&db, "select count(*)::text from written").await;
    let rows: usize = rows.unwrap().parse().unwrap();
    // A COMMIT that was sent before the request was cancelled may have succeeded.
    assert!(
        (answered..=answered + count("cancelled")).contains(&rows),
        "{rows} rows of {ends:?}"
    );
}

/// Waits until the server reports the session as idle; a transaction that is left open never ends.
async fn idle(session: &Session, onlooker: &DatabaseConnection) {
    let pid = session.pid();
    let sql = format!("select state from pg_stat_activity where pid = {pid}");
    while one(onlooker, &sql).await.as_deref() != Some("idle") {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn request_cancelled_at_any_wait_leaves_no_transaction_open() {
    let blog = blog().await;
    let session = blog.session("pool of one").await;
    let (db, onlooker) = (session.db(), blog.connect().await);
    written(&db).await;
    let app = app(&db, layer());
    let mut cancelled = 0;
    // The number of waits varies: so many rounds cancel at every wait, the one for the answer to BEGIN included.
    for times in (1..=9).cycle().take(45) {
        let request = of_user(times, "/write/slow");
        if polled(app.clone().oneshot(request), times).await.is_none() {
            cancelled += 1;
        }
        assert_eq!(known(&db).await, Known::default(), "after {times} polls");
        let idle = timeout(Duration::from_secs(10), idle(&session, &onlooker)).await;
        assert!(idle.is_ok(), "left open after {times} polls");
    }
    assert!(cancelled > 15, "cancelled {cancelled} times only");
}
