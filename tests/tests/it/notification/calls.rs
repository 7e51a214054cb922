//! Webhooks: a push starts a fetch, a forged call does nothing.

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use serde_json::json;
use sluice_tests::{PATIENCE, condition, eventually, stays};

use super::{Notified, repository, within};

const TOKEN: &str = "webhook-token";

/// The signature of a body, as GitHub and others write it.
pub fn sign(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, TOKEN.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body.as_bytes())))
}

/// Makes a Receiver and returns the address of its webhook.
pub async fn receiver(it: &Notified, kind: &str) -> String {
    it.world.secret("token", &[("token", TOKEN)]).await;
    let spec = json!({
        "type": kind, "secretRef": {"name": "token"},
        "resources": [{"kind": "GitRepository", "name": "shop"}],
    });
    it.object("v1", "Receiver", kind, spec).await;
    let path = eventually(format!("the path of {kind}"), PATIENCE, async || {
        let object = it.world.api.get("Receiver", &it.world.namespace, kind).await.ok_or("it is not there")?;
        let path = object["status"]["webhookPath"].as_str().unwrap_or_default().to_owned();
        if condition(&object, "Ready").0 == "True" { Ok(path) } else { Err(object["status"].to_string()) }
    })
    .await;
    format!("http://{}{path}", it.webhooks)
}

/// The code that a call is answered with.
pub async fn call(client: &reqwest::Client, url: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let mut request = client.post(url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("the webhook server answers").status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_push_starts_a_fetch_and_a_forged_one_does_not() {
    let it = Notified::start(&[]).await;
    let (repository, first) = repository(&it.world).await;
    let client = reqwest::Client::new();
    let body = "{\"ref\": \"refs/heads/main\"}";
    let good = sign(body);
    let bad = sign("another body");
    let json = ("content-type", "application/json");
    let mut current = first;
    for (kind, signed, forged) in [
        (
            "github",
            vec![json, ("x-github-event", "push"), ("x-hub-signature-256", &good)],
            vec![json, ("x-github-event", "push"), ("x-hub-signature-256", &bad)],
        ),
        (
            "gitlab",
            vec![("x-gitlab-event", "Push Hook"), ("x-gitlab-token", TOKEN)],
            vec![("x-gitlab-event", "Push Hook"), ("x-gitlab-token", "webhook-tokem")],
        ),
        ("generic-hmac", vec![("x-signature", good.as_str())], vec![("x-signature", bad.as_str())]),
    ] {
        let url = receiver(&it, kind).await;
        repository.write("app/one.yaml", &super::map("one", kind));
        let revision = repository.commit(kind);
        assert_eq!(call(&client, &url, &forged, body).await, 400, "{kind}");
        assert_eq!(call(&client, &url, &[], body).await, 400, "{kind}");
        assert_eq!(call(&client, &format!("{url}0"), &signed, body).await, 404, "{kind}");
        let at = ("GitRepository", it.world.namespace.as_str(), "shop");
        stays("the revision after forged calls", Duration::from_millis(400), async || {
            let object = it.world.api.get(at.0, at.1, at.2).await.ok_or("gone")?;
            let now = object["status"]["artifact"]["revision"].as_str().unwrap_or_default();
            if now == current { Ok(()) } else { Err(now.to_owned()) }
        })
        .await;
        let start = Instant::now();
        assert_eq!(call(&client, &url, &signed, body).await, 200, "{kind}");
        it.world.object("to be fetched", at, |it| it["status"]["artifact"]["revision"] == revision.as_str()).await;
        println!("{kind}: from the call to the fetched artifact {} ms", start.elapsed().as_millis());
        within(start.elapsed(), Duration::from_secs(1));
        current = revision;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_gone_closes_the_webhook() {
    let it = Notified::start(&[]).await;
    let (_, _) = repository(&it.world).await;
    let client = reqwest::Client::new();
    let url = receiver(&it, "gitlab").await;
    let call = async |url: &str, token: &str| call(&client, url, &[("x-gitlab-token", token)], "").await;
    assert_eq!(call(&url, TOKEN).await, 200);
    it.world.secret("token", &[("token", "another")]).await;
    eventually("the old path to be unknown", PATIENCE, async || match call(&url, TOKEN).await {
        404 => Ok(()),
        code => Err(code.to_string()),
    })
    .await;
    it.world.secret("token", &[("token", "  ")]).await;
    let object = it
        .world
        .object("to have no token", ("Receiver", &it.world.namespace, "gitlab"), |it| {
            condition(it, "Ready").0 == "False"
        })
        .await;
    assert_eq!(condition(&object, "Ready").1, "TokenNotFound");
    assert_eq!(object["status"]["webhookPath"], json!(null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_calls_costs_nothing() {
    let it = Notified::start(&[]).await;
    let (_, _) = repository(&it.world).await;
    let url = receiver(&it, "generic-hmac").await;
    let client = reqwest::Client::new();
    let body = "x".repeat(20_000);
    let signature = sign(&body);
    let good = [("x-signature", signature.as_str())];
    let latency = async || {
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(call(&client, &url, &good, &body).await, 200);
        }
        start.elapsed() / 20
    };
    latency().await;
    let (before, memory) = (latency().await, it.notification.memory().0);
    let count = if std::env::var_os("SLUICE_LOAD").is_some() { 10_000 } else { 1_000 };
    let start = Instant::now();
    for _ in 0..count / 20 {
        let calls = (0..20).map(|n| {
            let (client, body) = (&client, &body);
            let url = if n % 2 == 0 { url.clone() } else { format!("http://{}/hook/{n}", it.webhooks) };
            async move { call(client, &url, &[("x-signature", "sha256=00")], body).await }
        });
        for code in futures::future::join_all(calls).await {
            assert!(code == 400 || code == 404, "{code}");
        }
    }
    let took = start.elapsed();
    let (after, (now, _)) = (latency().await, it.notification.memory());
    println!(
        "{count} forged calls in {took:?}: memory {} KiB to {} KiB, latency of a good call {before:?} to {after:?}",
        memory >> 10,
        now >> 10
    );
    assert!(now < memory + (24 << 20), "memory went from {memory} to {now}");
    // A refused call leaves no line behind.
    assert!(it.notification.log().len() < 200_000);
}
