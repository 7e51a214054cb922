//! Sinks that fail, processes that are killed, secrets that want out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::json;
use sluice_tests::{PATIENCE, Setup, World, eventually};

use super::{Mood, Notified, repository};

/// The messages that a sink has, each with the keys under which it came.
fn messages(it: &Notified, path: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for seen in it.sink.seen(path) {
        let key = seen.headers.get("idempotency-key").and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
        let text = seen.body["message"].as_str().unwrap_or_default().to_owned();
        messages.entry(text).or_default().insert(key);
    }
    messages
}

async fn all_arrive(it: &Notified, path: &str, count: usize) {
    // As many as may be needed: each copy of what came costs more than the delivery.
    eventually(format!("{count} requests"), 4 * PATIENCE, async || {
        let came = it.sink.count(path);
        if came >= count { Ok(()) } else { Err(format!("{came} came")) }
    })
    .await;
    eventually(format!("{count} messages"), PATIENCE, async || {
        let messages = messages(it, path);
        if messages.len() == count { Ok(()) } else { Err(format!("{} came", messages.len())) }
    })
    .await;
    for (message, keys) in messages(it, path) {
        assert_eq!(keys.len(), 1, "`{message}` came under more than one key");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_accepted_event() {
    let mut it = Notified::start(&[]).await;
    it.provider("hook", json!({"type": "generic", "address": it.sink.url("/hook")}), &[]).await;
    it.alert("hook", "hook", &["Kustomization"]).await;
    let client = reqwest::Client::new();
    it.sink.mood(Mood::Broken);
    let mut accepted = 0;
    for round in 0..3 {
        for n in 0..40 {
            assert_eq!(it.post(&client, &format!("app-{n}"), "info", &format!("{round}-{n}")).await, 202);
            accepted += 1;
        }
        // Half-way through routing and delivering.
        it.notification.kill();
        if round == 2 {
            it.sink.mood(Mood::Fine);
        }
        it.notification.start();
        it.listening().await;
    }
    all_arrive(&it, "/hook", accepted).await;
    it.notification.kill();
    it.notification.start();
    it.listening().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = it.sink.seen("/hook").len();
    println!("{accepted} events accepted through three kills, {sent} deliveries");
    assert!(sent < accepted + 3 * 64, "what is delivered is not delivered again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_fails_is_tried_again_and_loses_nothing() {
    let it = Notified::start(&[]).await;
    it.provider("hook", json!({"type": "generic", "address": it.sink.url("/hook"), "timeout": "1s"}), &[]).await;
    it.alert("hook", "hook", &["Kustomization"]).await;
    let client = reqwest::Client::new();
    let mut count = 0;
    for mood in [Mood::Broken, Mood::Busy(1), Mood::Garbage, Mood::Slow(Duration::from_secs(5))] {
        it.sink.mood(mood);
        let (before, start) = (it.sink.refused(), Instant::now());
        for n in 0..5 {
            assert_eq!(it.post(&client, &format!("app-{n}"), "info", &format!("{mood:?} {n}")).await, 202);
            count += 1;
        }
        println!("{mood:?}: 5 events were accepted in {:?}", start.elapsed());
        match mood {
            Mood::Slow(_) => tokio::time::sleep(Duration::from_millis(1500)).await,
            _ => {
                eventually("a refusal", PATIENCE, async || {
                    if it.sink.refused() > before { Ok(()) } else { Err("none".to_owned()) }
                })
                .await;
            }
        }
        it.sink.mood(Mood::Fine);
        all_arrive(&it, "/hook", count).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_hangs_delays_nobody() {
    let it = Notified::start(&[]).await;
    let (repository, _) = repository(&it.world).await;
    let round = async |name: &str| {
        let mut times = Vec::new();
        for n in 0..8 {
            repository.write("app/one.yaml", &super::map("one", &format!("{name}{n}")));
            let revision = repository.commit(name);
            let start = Instant::now();
            it.world.fetch(&repository).await;
            it.world.applied("shop", &revision).await;
            times.push(start.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    };
    round("warm").await;
    let without = round("without").await;
    let good = super::Sink::start().await;
    it.provider("hanging", json!({"type": "slack", "address": it.sink.url("/slack")}), &[]).await;
    it.provider("good", json!({"type": "slack", "address": good.url("/slack")}), &[]).await;
    it.sink.mood(Mood::Slow(Duration::from_secs(3600)));
    it.alert("hanging", "hanging", &["Kustomization", "GitRepository"]).await;
    it.alert("good", "good", &["Kustomization", "GitRepository"]).await;
    let with = round("with").await;
    println!("from request to applied: {without:?} without a sink, {with:?} with one that hangs");
    // Whoever waited for the sink would wait for its timeout, fifteen seconds.
    assert!(with < without * 4 + Duration::from_secs(4), "{without:?} became {with:?}");
    assert_eq!(it.sink.count("/slack"), 0);
    good.gets("the messages of the other sink", "/slack", |seen| {
        seen.body.to_string().contains("with7") || seen.body.to_string().contains("configured")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_events_and_hangs_delays_no_reconcile() {
    // It takes connections and says nothing. Who waited for it would wait forty seconds for each event.
    let hole = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("an address is free");
    let to = format!("--events-addr=http://{}/", hole.local_addr().expect("it is bound"));
    let taken = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((stream, _)) = hole.accept().await {
            taken.push(stream);
        }
    });
    let flag = [to.as_str()];
    let world = World::with(Setup { source_flags: &flag, kustomize_flags: &flag }).await;
    let (repository, _) = repository(&world).await;
    let mut times = Vec::new();
    for n in 0..5 {
        repository.write("app/one.yaml", &super::map("one", &format!("n{n}")));
        let revision = repository.commit("another");
        let start = Instant::now();
        world.fetch(&repository).await;
        world.applied("shop", &revision).await;
        times.push(start.elapsed());
    }
    times.sort();
    println!("from request to applied while nobody takes events: {:?}", times[times.len() / 2]);
    assert!(!taken.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_events_is_taken_within_bounded_memory() {
    let it = Notified::start(&[]).await;
    it.provider("hook", json!({"type": "generic", "address": it.sink.url("/hook")}), &[]).await;
    it.alert("hook", "hook", &["Kustomization"]).await;
    it.sink.mood(Mood::Broken);
    let client = reqwest::Client::new();
    let (seconds, rate) = if std::env::var_os("SLUICE_LOAD").is_some() { (60, 1000) } else { (3, 500) };
    let text = "x".repeat(400);
    let before = it.notification.memory().0;
    let start = Instant::now();
    let (mut accepted, mut slowest) = (0, Duration::ZERO);
    for second in 0..seconds {
        for tenth in 0..10 {
            let posts = (0..rate / 10).map(|n| {
                let (it, client, text) = (&it, &client, &text);
                async move {
                    let sent = Instant::now();
                    let code = it
                        .post(client, &format!("app-{}", n % 50), "info", &format!("{second} {tenth} {n} {text}"))
                        .await;
                    (code, sent.elapsed())
                }
            });
            for (code, took) in futures::future::join_all(posts).await {
                assert_eq!(code, 202);
                accepted += 1;
                slowest = slowest.max(took);
            }
            let due = Duration::from_millis(1000 * second + 100 * (tenth + 1));
            tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
        }
    }
    let (now, most) = it.notification.memory();
    println!(
        "{accepted} events in {:?}, the slowest answer after {slowest:?}; memory {} MiB before, {} MiB after, {} MiB at most",
        start.elapsed(),
        before >> 20,
        now >> 20,
        most >> 20
    );
    assert!(most < 200 << 20, "{most} bytes");
    if accepted < 5000 {
        it.sink.mood(Mood::Fine);
        all_arrive(&it, "/hook", accepted).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_appears_nowhere() {
    let it = Notified::start(&[]).await;
    let canaries = [
        "canary-address-8f3a",
        "canary-token-71c2",
        "canary-header-5be0",
        "canary-password-e9d4",
        "canary-webhook-0a77",
    ];
    let [address, token, header, password, webhook] = canaries;
    let echo = super::Sink::start().await;
    echo.mood(Mood::Echo);
    let slack = format!("http://{}/services/{address}", echo.address);
    it.provider("slack", json!({"type": "slack"}), &[("address", &slack), ("token", token)]).await;
    let headers = format!("X-Secret: {header}\n");
    it.provider("generic", json!({"type": "generic", "address": echo.url("/in")}), &[("headers", &headers)]).await;
    it.provider("hmac", json!({"type": "generic-hmac", "address": echo.url("/in")}), &[("token", token)]).await;
    it.provider(
        "grafana",
        json!({"type": "grafana", "address": echo.url("/in")}),
        &[("username", "u"), ("password", password)],
    )
    .await;
    it.provider(
        "nowhere",
        json!({"type": "telegram", "channel": "1", "proxy": format!("http://{}", echo.address)}),
        &[("token", token)],
    )
    .await;
    it.provider("broken", json!({"type": "slack", "address": "not a url"}), &[("token", token)]).await;
    for name in ["slack", "generic", "hmac", "grafana", "nowhere", "broken"] {
        it.alert(name, name, &["Kustomization", "GitRepository"]).await;
    }
    it.world.secret("token", &[("token", webhook)]).await;
    let spec = json!({"type": "gitlab", "secretRef": {"name": "token"}, "resources": [{"kind": "GitRepository", "name": "nothing"}]});
    it.object("v1", "Receiver", "gitlab", spec).await;
    let object = it
        .world
        .object("to have a path", ("Receiver", &it.world.namespace, "gitlab"), |it| {
            it["status"]["webhookPath"].is_string()
        })
        .await;
    let url = format!("http://{}{}", it.webhooks, object["status"]["webhookPath"].as_str().unwrap_or_default());
    let client = reqwest::Client::new();
    for value in [webhook, "canary-webhook-0a78"] {
        let sent = client.post(&url).header("x-gitlab-token", value).body("{}").send().await.expect("it answers");
        assert!(sent.status() == 500 || sent.status() == 400 || sent.status() == 503, "{}", sent.status());
        assert_eq!(sent.text().await.unwrap_or_default(), "");
    }
    let (_, _) = repository(&it.world).await;
    eventually("warnings of every alert", PATIENCE, async || {
        let events = it.world.api.list("Event", &it.world.namespace).await;
        let warned: BTreeSet<String> = events
            .iter()
            .filter(|event| event["reason"] == "NotificationDispatchFailed")
            .map(|event| event["involvedObject"]["name"].as_str().unwrap_or_default().to_owned())
            .collect();
        if warned.len() == 6 { Ok(()) } else { Err(format!("{warned:?}")) }
    })
    .await;
    let mut everything = vec![("log".to_owned(), it.notification.log()), ("metrics".to_owned(), it.metrics().await)];
    everything.push(("source log".to_owned(), it.world.source.log()));
    for kind in ["Event", "Alert", "Provider", "Receiver", "Kustomization", "GitRepository"] {
        for object in it.world.api.list(kind, "").await {
            everything.push((kind.to_owned(), object.to_string()));
        }
    }
    let queue = std::fs::read_to_string(it.world.folder().join("queue/queue.jsonl")).unwrap_or_default();
    everything.push(("queue".to_owned(), queue));
    for canary in canaries {
        let base64 = base64::engine::general_purpose::STANDARD.encode(canary);
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("u:{canary}"));
        for form in [canary, &base64[..base64.len() - 4], &basic[..basic.len() - 4], &canary[7..]] {
            for (place, text) in &everything {
                assert!(!text.contains(form), "`{form}` is in {place}: {}", excerpt(text, form));
            }
        }
    }
}

fn excerpt<'a>(text: &'a str, form: &str) -> &'a str {
    let at = text.find(form).unwrap_or_default();
    let start = text.floor_char_boundary(at.saturating_sub(200));
    &text[start..text.ceil_char_boundary((at + 200).min(text.len()))]
}
