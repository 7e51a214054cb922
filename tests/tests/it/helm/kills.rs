//! `kill -9` at any instant: no half release, no lost history, no doubled revision (SECURITY F6, I5, I6).

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_tests::{PATIENCE, Random, condition, eventually};

use super::{Stage, TEST, USER};

/// Kills of a usual run; `SLUICE_KILLS=100` for the full hundred.
const KILLS: u64 = 10;

/// The most requests of an action that are counted before a kill: an upgrade with a hook, a test and its end.
const REQUESTS: u64 = 22;

/// A hook that leaves one object for each revision that it ran for.
const HOOK: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-ran-{{ .Release.Revision }}
  labels: {ran: "yes"}
  annotations: {helm.sh/hook: "pre-install,pre-upgrade"}
data: {value: {{ .Values.value | quote }}}
"#;

/// What is asked for before a kill.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Another value.
    Value,
    /// One whose Deployment fails, so that it is rolled back.
    Bad,
    /// Uninstall, and then install.
    Delete,
}

fn specification(value: &str, outcome: &str) -> Value {
    json!({
        "upgrade": {"timeout": "20s", "remediation": {"retries": 0, "remediateLastFailure": true}},
        "install": {"remediation": {"retries": -1}},
        "test": {"enable": true},
        "values": {"value": value, "outcome": outcome},
    })
}

/// Waits for a random instant: after so many requests of the controller since the mark, or after so long.
async fn random_instant(stage: &Stage, random: &mut Random, mark: Option<u64>) {
    let (Some(audit), Some(mark), true) = (stage.world.audit(), mark, random.below(4) > 0) else {
        return tokio::time::sleep(Duration::from_micros(random.below(2_500_000))).await;
    };
    let wanted = usize::try_from(random.below(REQUESTS)).unwrap_or(0);
    let start = Instant::now();
    // Some changes take fewer requests.
    while audit.calls(USER, mark).len() < wanted && start.elapsed() < Duration::from_secs(4) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_instant_leaves_no_half_release() {
    let kills = std::env::var("SLUICE_KILLS").ok().and_then(|it| it.parse().ok()).unwrap_or(KILLS);
    let mut stage = Stage::start().await;
    stage.publish("1.0.0", &[("templates/hook.yaml", HOOK), ("templates/test.yaml", TEST)]).await;
    let ns = stage.world.namespace.clone();
    let mut good = "start".to_owned();
    stage.release(specification(&good, "ready")).await;
    settles(&stage, &good, Change::Value, "the start").await;
    let mut midway = 0;
    for seed in 1..=kills {
        let mut random = Random::new(seed);
        let change = match random.below(5) {
            0 => Change::Bad,
            1 => Change::Delete,
            _ => Change::Value,
        };
        let before = stage.stored().await.last().and_then(|it| it["version"].as_i64()).unwrap_or_default();
        let mark = stage.world.audit().map(sluice_tests::Audit::mark);
        let value = format!("value-{seed}");
        match change {
            Change::Value => stage.release(specification(&value, "ready")).await,
            Change::Bad => stage.release(specification(&value, "fail")).await,
            Change::Delete => stage.world.api.delete("HelmRelease", &ns, "web").await,
        }
        random_instant(&stage, &mut random, mark).await;
        stage.helm.kill();
        let unfinished = |(_, status): &(i64, String)| status.starts_with("pending-") || status == "uninstalling";
        midway += u64::from(stage.records().await.iter().any(unfinished));
        stage.helm.start();
        let after = format!("kill {seed}, {change:?}");
        if matches!(change, Change::Delete) {
            stage.world.gone("HelmRelease", &ns, "web").await;
            assert_eq!(stage.records().await, [], "after {after}");
            for kind in ["ConfigMap", "Secret", "ServiceAccount", "Deployment"] {
                stage.world.gone(kind, "apps", "web").await;
            }
            stage.release(specification(&value, "ready")).await;
        }
        if !matches!(change, Change::Bad) {
            good = value;
        }
        settles(&stage, &good, change, &after).await;
        check_history(&stage, before, change, &after).await;
    }
    println!("{kills} kills, {midway} of them in the middle of an action");
}

/// Waits until the release is what it should be after a change, or what it was before one that fails.
async fn settles(stage: &Stage, good: &str, change: Change, after: &str) {
    eventually(format!("the release to settle after {after}"), PATIENCE, async || {
        let object = stage.get().await;
        let (ready, stalled) = (condition(&object, "Ready"), condition(&object, "Stalled"));
        let settled = match change {
            Change::Bad => stalled.1 == "RetriesExceeded" && ready.1 == "RollbackSucceeded",
            Change::Value | Change::Delete => ready.0 == "True",
        };
        if !settled || object["status"]["observedGeneration"] != object["metadata"]["generation"] {
            return Err(object["status"].to_string());
        }
        whole(stage, &object, good).await
    })
    .await;
}

/// One revision is deployed, it is the newest, the status knows it, and all objects are of it.
async fn whole(stage: &Stage, object: &Value, good: &str) -> Result<(), String> {
    let records = stage.records().await;
    let deployed: Vec<i64> = records.iter().filter(|it| it.1 == "deployed").map(|it| it.0).collect();
    if deployed != records.last().map(|it| it.0).into_iter().collect::<Vec<_>>() {
        return Err(format!("records {records:?}"));
    }
    if object["status"]["history"][0]["version"] != json!(deployed[0]) {
        return Err(format!("records {records:?}, history {}", object["status"]["history"]));
    }
    let secret = stage.world.api.get("Secret", "apps", "web").await.unwrap_or_default();
    let secret = STANDARD.decode(secret["data"]["value"].as_str().unwrap_or_default()).unwrap_or_default();
    let (map, secret) = (stage.value().await, String::from_utf8_lossy(&secret).into_owned());
    for kind in ["ServiceAccount", "Deployment"] {
        if stage.world.api.get(kind, "apps", "web").await.is_none() {
            return Err(format!("no {kind}"));
        }
    }
    if map == good && secret == good { Ok(()) } else { Err(format!("{map} and {secret}, not {good}")) }
}

/// What one change may leave: the revision that was killed, failed, and those that an undisturbed run makes.
async fn check_history(stage: &Stage, before: i64, change: Change, after: &str) {
    let stored = stage.stored().await;
    let status = |it: &Value| it["info"]["status"].as_str().unwrap_or_default().to_owned();
    let all: Vec<String> =
        stored.iter().map(|it| format!("{} {} {}", it["version"], status(it), it["info"]["description"])).collect();
    let newest = stored.last().and_then(|it| it["version"].as_i64()).unwrap_or_default();
    let (first, most) = match change {
        Change::Value => (before + 1, before + 2),
        Change::Bad => (before + 2, before + 3),
        Change::Delete => (1, 1),
    };
    assert!((first..=most).contains(&newest), "after {after}: revisions {first} to {most}, not {all:?}");
    // All that came after are there, none was taken twice.
    let versions: Vec<i64> = stored.iter().filter_map(|it| it["version"].as_i64()).collect();
    assert!(versions.windows(2).all(|it| it[0] < it[1]), "after {after}: {all:?}");
    let made: Vec<i64> = versions.iter().copied().filter(|it| *it >= first - 1).collect();
    assert!(made.windows(2).all(|it| it[0] + 1 == it[1]), "after {after}: {all:?}");
    // An undisturbed value is made by one good revision.
    let value = stored.last().map(|it| it["config"]["value"].clone()).unwrap_or_default();
    let good = stored
        .iter()
        .filter(|it| it["config"]["value"] == value && matches!(status(it).as_str(), "deployed" | "superseded"));
    if matches!(change, Change::Value | Change::Delete) {
        assert_eq!(good.count(), 1, "after {after}: {all:?}");
    }
    // A hook ran for each revision at most once: what it makes is named after it.
    for it in &stored {
        let name = format!("web-ran-{}", it["version"]);
        let hooks = it["hooks"].as_array().into_iter().flatten();
        let recorded = hooks.into_iter().filter(|hook| hook["name"] == name.as_str()).count();
        assert!(recorded <= 1, "after {after}: {all:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_while_an_action_waits_ends_soon_and_claims_nothing() {
    let mut stage = Stage::start().await;
    stage.release(json!({"timeout": "10m"})).await;
    stage.ready(1).await;
    stage.release(json!({"timeout": "10m", "values": {"outcome": "stall"}})).await;
    stage.becomes("waiting", |it| condition(it, "Reconciling").2.contains("Running 'upgrade'")).await;
    stage
        .world
        .object("to be applied", ("Deployment", "apps", "web"), |it| {
            it["spec"]["template"]["metadata"]["annotations"]["simulate.sluice.dev/outcome"] == "stall"
        })
        .await;
    let (status, took) = stage.helm.terminate(Duration::from_secs(20)).await;
    assert!(status.success(), "it ended with {status}");
    println!("SIGTERM to the end: {} ms", took.as_millis());
    let object = stage.get().await;
    assert_ne!(condition(&object, "Ready").0, "True", "{object}");
    assert_eq!(stage.records().await, [(1, "deployed".to_owned()), (2, "failed".to_owned())], "nothing is pending");
    stage.helm.start();
    // What was cut off is no failure of the release: it is tried again, and a fix is not held up.
    stage.becomes("tried again", |it| condition(it, "Reconciling").2.contains("Running 'upgrade'")).await;
    stage.release(json!({"timeout": "10m", "values": {"value": "good"}})).await;
    stage.becomes("mended", |it| condition(it, "Ready").0 == "True" && it["status"]["upgradeFailures"].is_null()).await;
    assert_eq!(stage.value().await, "good");
    // One that is deleted while it waits does not wait.
    stage.release(json!({"timeout": "10m", "values": {"outcome": "stall"}})).await;
    stage.becomes("waiting again", |it| condition(it, "Reconciling").2.contains("Running 'upgrade'")).await;
    let ns = stage.world.namespace.clone();
    stage.world.api.delete("HelmRelease", &ns, "web").await;
    stage.world.gone("HelmRelease", &ns, "web").await;
    assert_eq!(stage.records().await, []);
}
