//! What a registry must not be able to do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_oci::{Access, Client, Credentials, Digest, ErrorKind, Limits, Repository, Target};

use crate::scripted::Scripted;

async fn repository(rules: Value, timeout: Duration) -> (Scripted, Repository) {
    let mut all = vec![json!({"path": "/v2/", "status": 200})];
    all.extend(rules.as_array().expect("rules are a list").iter().cloned());
    let server = Scripted::start(&json!({ "rules": all })).await;
    let name = format!("{}/app", server.registry).parse().expect("the name is sound");
    let credentials = Credentials::Basic { username: "user".into(), password: "hunter2".into() };
    let access = Access { credentials, ..Access::default() };
    let limits = Limits { manifest_bytes: 1000, page_bytes: 1000, tags: 50, ..Limits::default() };
    let repository = Client::new(limits).repository(&name, &access, timeout);
    (server, repository)
}

#[track_caller]
fn check(error: &sluice_oci::Error, kind: ErrorKind, text: &str) {
    assert_eq!(error.kind, kind, "{error}");
    let shown = error.to_string();
    assert!(shown.contains(text), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains('\x1b') && shown.len() < 1024, "{shown}");
}

#[tokio::test]
async fn answers_are_bounded() {
    let long = "x".repeat(2000);
    let tags: Vec<String> = (0..60).map(|n| format!("t{n}")).collect();
    let (_server, repository) = repository(
        json!([
            {"path": "/v2/app/manifests/v1", "body": long},
            {"path": "/v2/app/tags/list", "body": json!({"tags": tags}).to_string()},
            {"path": "/v2/app/blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "body": long},
        ]),
        Duration::from_secs(10),
    )
    .await;
    let tag = Target::Tag("v1".into());
    check(&repository.pull(&tag).await.unwrap_err(), ErrorKind::Limit, "larger than 1000 bytes");
    check(&repository.tags().await.unwrap_err(), ErrorKind::Limit, "limit tags");
    check(&repository.blob_of(&Digest::of(b""), 100).await.unwrap_err(), ErrorKind::Limit, "limit blob_bytes");
}

#[tokio::test]
async fn text_of_a_registry_is_escaped_and_cut() {
    let message = format!("\u{1b}[31m{}", "long ".repeat(10_000));
    let body = json!({"errors": [{"code": "DENIED", "message": message}]}).to_string();
    let rules = json!([{"path": "/v2/app/manifests/v1", "status": 403, "body": body}]);
    let (_server, repository) = repository(rules, Duration::from_secs(10)).await;
    let error = repository.pull(&Target::Tag("v1".into())).await.unwrap_err();
    check(&error, ErrorKind::Authentication, "DENIED: \\u{1b}[31mlong");
}

#[tokio::test]
async fn a_wait_that_outlasts_the_timeout_is_not_begun() {
    for asked in ["999999999999", "3600"] {
        let rules = json!([
            {"path": "/v2/app/manifests/v1", "status": 429, "headers": {"Retry-After": asked}, "body": "{}"},
        ]);
        let (_server, repository) = repository(rules, Duration::from_secs(20)).await;
        let start = Instant::now();
        check(&repository.pull(&Target::Tag("v1".into())).await.unwrap_err(), ErrorKind::RateLimited, "HTTP 429");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn tokens_are_not_asked_for_at_metadata_services() {
    for realm in ["http://169.254.169.254/token", "https://u:hunter2@token.invalid/", "ftp://token.invalid/"] {
        let server = Scripted::start(&json!({"rules": [
            {"path": "/v2/", "status": 401, "headers": {"WWW-Authenticate": format!("Bearer realm=\"{realm}\"")}},
        ]}))
        .await;
        // A registry of this machine may lead to its own link: the one rule that holds for others is tested in http.
        let name = format!("{}/app", server.registry).parse().expect("the name is sound");
        let access = Access::default();
        let repository = Client::default().repository(&name, &access, Duration::from_millis(1500));
        let error = repository.pull(&Target::Tag("v1".into())).await.unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(
            matches!(error.kind, ErrorKind::Authentication | ErrorKind::Connection | ErrorKind::Timeout),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_stalled_registry_ends_at_the_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    let name = format!("{address}/app").parse().expect("the name is sound");
    let repository = Client::default().repository(&name, &Access::default(), Duration::from_millis(500));
    let start = Instant::now();
    let error = repository.tags().await.unwrap_err();
    check(&error, ErrorKind::Timeout, "no answer within");
    assert!(start.elapsed() < Duration::from_secs(5));
}
