//! Notifications and webhooks, from a commit to the message and from a push to the fetch.

mod calls;
mod faults;
mod hostile;
mod sink;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::{Controller, PATIENCE, Repository, Setup, World, eventually};

pub use sink::{Mood, Sink};

/// A world with a notification-controller, to which the others send their events.
pub struct Notified {
    pub world: World,
    pub notification: Controller,
    pub sink: Sink,
    pub events: SocketAddr,
    pub webhooks: SocketAddr,
    pub metrics: SocketAddr,
}

impl Notified {
    pub async fn start(flags: &[&str]) -> Notified {
        let [events, webhooks, metrics] = [(); 3].map(|()| World::free_address());
        let to = format!("--events-addr=http://{events}/");
        let flag = [to.as_str()];
        let world = World::with(Setup { source_flags: &flag, kustomize_flags: &flag }).await;
        let mut all = vec![
            format!("--events-addr={events}"),
            format!("--receiverAddr={webhooks}"),
            format!("--metrics-addr={metrics}"),
            format!("--storage-path={}", world.folder().join("queue").display()),
        ];
        all.extend(flags.iter().map(|it| (*it).to_owned()));
        let mut notification = world.notification_controller(&all);
        notification.start();
        let sink = Sink::start().await;
        let it = Notified { world, notification, sink, events, webhooks, metrics };
        it.listening().await;
        it
    }

    /// Waits until events are taken.
    pub async fn listening(&self) {
        eventually("the event server", PATIENCE, async || {
            tokio::net::TcpStream::connect(self.webhooks).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
    }

    /// Makes a Provider, with a Secret of the same name if there is data for one.
    pub async fn provider(&self, name: &str, mut spec: Value, secret: &[(&str, &str)]) {
        if !secret.is_empty() {
            self.world.secret(name, secret).await;
            spec["secretRef"] = json!({"name": name});
        }
        self.object("v1beta3", "Provider", name, spec).await;
    }

    /// Makes an Alert of a Provider, about all objects of some kinds.
    pub async fn alert(&self, name: &str, provider: &str, kinds: &[&str]) {
        let sources: Vec<Value> = kinds.iter().map(|kind| json!({"kind": kind, "name": "*"})).collect();
        let spec = json!({"providerRef": {"name": provider}, "eventSeverity": "info", "eventSources": sources});
        self.object("v1beta3", "Alert", name, spec).await;
    }

    pub async fn object(&self, version: &str, kind: &str, name: &str, spec: Value) {
        self.world
            .api
            .apply(&json!({
                "apiVersion": format!("notification.toolkit.fluxcd.io/{version}"), "kind": kind,
                "metadata": {"name": name, "namespace": self.world.namespace}, "spec": spec,
            }))
            .await;
    }

    /// Hands in an event as a controller does; returns the code of the answer.
    pub async fn post(&self, client: &reqwest::Client, object: &str, severity: &str, message: &str) -> u16 {
        let event = json!({
            "involvedObject": {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "name": object,
                "namespace": self.world.namespace, "uid": "1"},
            "severity": severity, "timestamp": "2026-11-24T10:00:00Z", "message": message, "reason": "Testing",
            "reportingController": "kustomize-controller",
        });
        let sent = client.post(format!("http://{}/", self.events)).json(&event).send().await;
        sent.expect("the event server answers").status().as_u16()
    }

    pub async fn metrics(&self) -> String {
        let text = reqwest::get(format!("http://{}/metrics", self.metrics)).await.expect("metrics are served");
        text.text().await.expect("metrics are text")
    }
}

/// Holds on a machine that has nothing else to do: asked for with SLUICE_TIMING=1, for no test may fail because of
/// what else runs.
fn within(took: Duration, limit: Duration) {
    if std::env::var_os("SLUICE_TIMING").is_some() {
        assert!(took < limit, "it took {took:?}, not less than {limit:?}");
    }
}

fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: apps}}\ndata: {{a: {value}}}\n")
}

/// A Deployment that becomes ready, or never does.
fn deployment(outcome: &str) -> String {
    // One that fails says so before the time for health checks, at least half a minute, is over.
    let deadline = if outcome.is_empty() { 600 } else { 1 };
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: apps}}\nspec:\n  \
         progressDeadlineSeconds: {deadline}\n  selector: \
         {{matchLabels: {{app: web}}}}\n  template:\n    metadata:\n      labels: {{app: web}}\n      annotations: \
         {{{outcome}}}\n    spec: {{containers: [{{name: a, image: \"registry.invalid/a:1\"}}]}}\n"
    )
}

async fn repository(world: &World) -> (Repository, String) {
    world.make_namespace("apps").await;
    let repository = world.repository("shop");
    repository.write("app/one.yaml", &map("one", "b"));
    let revision = repository.commit("Start");
    world.follow(&repository).await;
    world.kustomization("shop", &repository, "./app", json!({})).await;
    world.applied("shop", &revision).await;
    (repository, revision)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_becomes_messages_and_a_status_within_seconds() {
    let it = Notified::start(&[]).await;
    it.provider("slack", json!({"type": "slack", "address": it.sink.url("/slack"), "channel": "ops"}), &[]).await;
    it.provider("feishu", json!({"type": "lark", "address": it.sink.url("/lark")}), &[("secret", "sign-it")]).await;
    it.provider("status", json!({"type": "github", "address": it.sink.url("/org/repo")}), &[("token", "t")]).await;
    for name in ["slack", "feishu", "status"] {
        it.alert(name, name, &["Kustomization", "GitRepository"]).await;
    }
    let (repository, _) = repository(&it.world).await;
    it.sink.gets("the first message", "/slack", |_| true).await;
    repository.write("app/two.yaml", &map("two", "b"));
    let revision = repository.commit("Another map");
    let sha = revision.rsplit(':').next().expect("a revision has a hash").to_owned();
    let start = Instant::now();
    it.world.fetch(&repository).await;
    let says = |body: &Value| body.to_string().contains("ConfigMap/apps/two created");
    let slack = it.sink.gets("a message of the change", "/slack", |seen| says(&seen.body)).await;
    let lark = it.sink.gets("a message of the change", "/lark", |seen| says(&seen.body)).await;
    let status = format!("/api/v3/repos/org/repo/statuses/{sha}");
    let status = it.sink.gets("a status", &status, |seen| seen.method == "POST").await;
    println!(
        "from the commit to Slack {} ms, to Feishu {} ms, to the commit's status {} ms",
        (slack.at - start).as_millis(),
        (lark.at - start).as_millis(),
        (status.at - start).as_millis()
    );
    within(slack.at.max(lark.at).max(status.at) - start, Duration::from_secs(3));
    assert_eq!(slack.body["channel"], "ops");
    assert_eq!(slack.body["attachments"][0]["color"], "good");
    let author = slack.body["attachments"][0]["author_name"].as_str().unwrap_or_default();
    assert_eq!(author, format!("kustomization/shop.{}", it.world.namespace));
    assert_eq!((&lark.body["msg_type"], lark.body["sign"].is_string()), (&json!("interactive"), true));
    assert_eq!(status.body["state"], "success");
    assert_eq!(status.body["description"], "reconciliation succeeded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_that_fails_is_told_once_and_its_recovery_once() {
    // Without the limit every try would be told.
    let it = Notified::start(&["--rate-limit-interval=0s"]).await;
    it.provider("slack", json!({"type": "slack", "address": it.sink.url("/slack")}), &[]).await;
    it.alert("slack", "slack", &["Kustomization"]).await;
    let (repository, _) = repository(&it.world).await;
    repository.write("app/web.yaml", &deployment("simulate.sluice.dev/outcome: stall"));
    repository.commit("Never ready");
    let spec = json!({"spec": {"wait": true, "timeout": "2s", "retryInterval": "1s"}});
    it.world.api.patch("Kustomization", &it.world.namespace, "shop", spec).await;
    it.world.fetch(&repository).await;
    it.sink.gets("an error", "/slack", |seen| seen.body["attachments"][0]["color"] == "danger").await;
    it.world.fails("shop", "HealthCheckFailed").await;
    // At least one more failure, which is folded.
    eventually("a failure that is folded", PATIENCE, async || {
        let text = it.metrics().await;
        let folded =
            text.lines().find(|line| line.starts_with("sluice_events_folded_total")).unwrap_or_default().to_owned();
        if folded.ends_with(" 0") || folded.is_empty() { Err(folded) } else { Ok(()) }
    })
    .await;
    repository.write("app/web.yaml", &deployment(""));
    let revision = repository.commit("Ready again");
    it.world.fetch(&repository).await;
    it.world.applied("shop", &revision).await;
    let recovered = |body: &Value| body.to_string().contains("(recovered: HealthCheckFailed was reported");
    it.sink.gets("a recovery", "/slack", |seen| recovered(&seen.body)).await;
    it.world.request("Kustomization", "shop").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seen = it.sink.seen("/slack");
    let errors = seen.iter().filter(|it| it.body["attachments"][0]["color"] == "danger").count();
    let recoveries = seen.iter().filter(|it| recovered(&it.body)).count();
    assert_eq!((errors, recoveries), (1, 1), "{:?}", seen.iter().map(|it| it.body.to_string()).collect::<Vec<_>>());
}
