//! What becomes of a release that fails: the action table of the specification, row by row.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::{condition, stays};

use super::{Stage, TEST};

fn statuses(records: Vec<(i64, String)>) -> Vec<String> {
    records.into_iter().map(|(_, status)| status).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_upgrade_is_rolled_back_and_given_up_after_its_retries() {
    let stage = Stage::start().await;
    let upgrade = json!({"timeout": "20s", "remediation": {"retries": 1}});
    stage.release(json!({"upgrade": upgrade})).await;
    stage.ready(1).await;
    stage.release(json!({"upgrade": upgrade, "values": {"value": "bad", "outcome": "fail"}})).await;
    let object = stage.becomes("stalled", |it| condition(it, "Stalled").0 == "True").await;
    assert_eq!(condition(&object, "Stalled").1, "RetriesExceeded", "{object}");
    assert_eq!(condition(&object, "Stalled").2, "Failed to upgrade after 2 attempt(s)");
    assert_eq!(condition(&object, "Ready").1, "RollbackSucceeded");
    assert!(condition(&object, "Released").2.contains("Deployment/apps/web"), "{object}");
    assert_eq!(object["status"]["upgradeFailures"], 2);
    assert_eq!(stage.value().await, "one");
    assert_eq!(statuses(stage.records().await), ["superseded", "failed", "superseded", "failed", "deployed"]);
    // A fix is a new specification, which starts afresh.
    stage.release(json!({"upgrade": upgrade, "values": {"value": "good"}})).await;
    stage.ready(6).await;
    assert_eq!(stage.value().await, "good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_installation_is_undone_and_tried_again() {
    let stage = Stage::start().await;
    let install = json!({"remediation": {"retries": 1}});
    stage.release(json!({"install": install, "values": {"outcome": "fail"}})).await;
    let (object, message) = stage.stalled("RetriesExceeded").await;
    assert_eq!(message, "Failed to install after 2 attempt(s)");
    assert_eq!(condition(&object, "Ready").1, "InstallFailed", "{object}");
    assert_eq!(object["status"]["installFailures"], 2);
    assert_eq!(
        stage.records().await,
        [(1, "failed".to_owned())],
        "the first try was undone, the last is left to look at"
    );
    // Somebody asks for a clean slate: the tries begin anew.
    let token = stage.ask(&["resetAt"]).await;
    let object = stage
        .becomes("given up again", |it| {
            it["status"]["lastHandledResetAt"] == token.as_str() && condition(it, "Stalled").1 == "RetriesExceeded"
        })
        .await;
    assert!(condition(&object, "Stalled").2.starts_with("Failed to "), "{object}");
    // A request that forces a release is one more try.
    let before = object["status"]["failures"].as_i64().unwrap_or_default();
    let token = stage.ask(&["forceAt"]).await;
    stage
        .becomes("tried once more", |it| {
            it["status"]["lastHandledForceAt"] == token.as_str()
                && it["status"]["failures"].as_i64().unwrap_or_default() > before
                && condition(it, "Stalled").1 == "RetriesExceeded"
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_failed_installation_is_undone_where_that_is_wanted() {
    let stage = Stage::start().await;
    let install = json!({"remediation": {"retries": 1, "remediateLastFailure": true}});
    stage.release(json!({"install": install, "values": {"outcome": "fail"}})).await;
    let (object, message) = stage.stalled("RetriesExceeded").await;
    assert_eq!(message, "Failed to install after 2 attempt(s)");
    assert_eq!(condition(&object, "Ready").1, "UninstallSucceeded", "{object}");
    assert_eq!(condition(&object, "Remediated").0, "True");
    assert_eq!(stage.records().await, []);
    for kind in ["ConfigMap", "Deployment"] {
        stage.world.gone(kind, "apps", "web").await;
    }
    let install = json!({"remediation": {"retries": 1}});
    stage.release(json!({"install": install, "values": {"outcome": "ready"}})).await;
    let object = stage.ready(1).await;
    assert_eq!(object["status"]["history"][0]["action"], "install");
    assert_eq!(condition(&object, "Remediated").0, "", "{object}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_upgrade_can_be_undone_by_uninstalling() {
    let stage = Stage::start().await;
    let upgrade = json!({"remediation": {"retries": 0, "remediateLastFailure": true, "strategy": "uninstall"}});
    stage.release(json!({"upgrade": upgrade})).await;
    stage.ready(1).await;
    stage.release(json!({"upgrade": upgrade, "values": {"value": "bad", "outcome": "fail"}})).await;
    // Uninstalling leaves the installation to try, which fails in its turn.
    let (object, message) = stage.stalled("RetriesExceeded").await;
    assert_eq!(message, "Failed to install after 1 attempt(s)");
    assert_eq!(object["status"]["upgradeFailures"], 1, "{object}");
    assert_eq!(stage.records().await, [(1, "failed".to_owned())]);
    stage.release(json!({"upgrade": upgrade, "values": {"value": "good"}})).await;
    stage.ready(2).await;
    assert_eq!(stage.value().await, "good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_test_undoes_an_upgrade_unless_it_is_ignored() {
    let stage = Stage::start().await;
    stage.publish("1.0.0", &[("templates/test.yaml", TEST)]).await;
    let upgrade = json!({"remediation": {"retries": 0, "remediateLastFailure": true}});
    let with = |test: Value, outcome: &str| json!({"upgrade": upgrade, "test": test, "values": {"test": outcome, "value": outcome}});
    stage.release(with(json!({"enable": true}), "ready")).await;
    stage.ready(1).await;
    stage.release(with(json!({"enable": true}), "fail")).await;
    let (object, message) = stage.stalled("RetriesExceeded").await;
    assert_eq!(message, "Failed to upgrade after 1 attempt(s)");
    assert_eq!(condition(&object, "TestSuccess").1, "TestFailed", "{object}");
    assert_eq!(condition(&object, "Ready").1, "RollbackSucceeded");
    assert_eq!(object["status"]["history"][0]["action"], "rollback");
    assert_eq!(stage.value().await, "ready", "the revision whose tests passed is back");
    assert_eq!(statuses(stage.records().await), ["superseded", "superseded", "deployed"]);
    stage.release(with(json!({"enable": true, "ignoreFailures": true}), "fail")).await;
    let object = stage.ready(4).await;
    assert_eq!(condition(&object, "TestSuccess").0, "False", "{object}");
    assert_eq!(condition(&object, "Ready").1, "UpgradeSucceeded");
    assert_eq!(stage.value().await, "fail");
    // Tests that are left out by name are not run, and their failure does not count.
    let filters = json!({"enable": true, "filters": [{"name": "web-test", "exclude": true}]});
    let mut left_out = with(filters, "fail");
    left_out["values"]["value"] = "filtered".into();
    stage.release(left_out).await;
    let object = stage.ready(5).await;
    assert_eq!(condition(&object, "TestSuccess").0, "True", "{object}");
}

const GATED: &str = r#"{{ if not (lookup "v1" "ConfigMap" "apps" "gate") }}{{ fail "there is no gate" }}{{ end }}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strategy_of_retries_tries_until_it_works() {
    let stage = Stage::start().await;
    stage.publish("1.0.0", &[("templates/gate.yaml", GATED)]).await;
    let strategy = json!({"strategy": {"name": "RetryOnFailure", "retryInterval": "1s"}});
    stage.release(json!({"install": strategy, "upgrade": strategy})).await;
    let object = stage.becomes("tried twice", |it| it["status"]["failures"].as_i64() >= Some(2)).await;
    assert!(condition(&object, "Released").2.contains("there is no gate"), "{object}");
    assert_eq!(condition(&object, "Stalled").0, "");
    let gate = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "gate", "namespace": "apps"}});
    stage.world.api.apply(&gate).await;
    let object = stage.ready(1).await;
    assert_eq!(object["status"]["failures"].as_i64().unwrap_or_default(), 0, "{object}");
    // What failed after it was stored is upgraded, not undone.
    stage.release(json!({"install": strategy, "upgrade": strategy, "values": {"outcome": "fail"}})).await;
    let object = stage.becomes("tried again", |it| it["status"]["upgradeFailures"].as_i64() >= Some(2)).await;
    assert_eq!(condition(&object, "Remediated").0, "", "{object}");
    stage.becomes("waiting", |it| condition(it, "Reconciling").2.starts_with("retrying after ")).await;
    stage.release(json!({"install": strategy, "upgrade": strategy, "values": {"value": "good"}})).await;
    stage.becomes("mended", |it| condition(it, "Ready").0 == "True").await;
    assert_eq!(stage.value().await, "good");
}

const EARLY: &str = r#"apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-NAME
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-weight: "WEIGHT", helm.sh/hook-delete-policy: POLICY}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {simulate.sluice.dev/outcome: {{ .Values.NAME }}}}
    spec: {restartPolicy: Never, containers: [{name: c, image: "c:1"}]}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_run_by_their_weight_and_one_that_fails_ends_the_action() {
    let stage = Stage::start().await;
    let hook = |name: &str, weight: &str, policy: &str| {
        EARLY.replace("NAME", name).replace("WEIGHT", weight).replace("POLICY", policy)
    };
    let (first, second) = (hook("first", "-5", "before-hook-creation"), hook("second", "5", "hook-succeeded"));
    let files = [("templates/a.yaml", second.as_str()), ("templates/b.yaml", first.as_str())];
    stage.publish("1.0.0", &files).await;
    let upgrade = json!({"remediation": {"retries": 0, "remediateLastFailure": true}});
    let with = |first: &str, second: &str, value: &str| json!({"upgrade": upgrade, "values": {"first": first, "second": second, "value": value}});
    stage.release(with("ready", "ready", "one")).await;
    stage.ready(1).await;
    let job = stage.world.api.get("Job", "apps", "web-first").await.expect("its policy keeps it until it runs again");
    assert!(stage.world.api.get("Job", "apps", "web-second").await.is_none(), "its policy deletes it");
    let runs = &stage.stored().await[0]["hooks"];
    let run = |name: &str, field: &str| {
        let all = runs.as_array().into_iter().flatten();
        let found = all.into_iter().find(|it| it["name"] == name).expect("the hook is recorded");
        found["last_run"][field].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!((run("web-first", "phase"), run("web-second", "phase")), ("Succeeded".into(), "Succeeded".into()));
    assert!(run("web-first", "completed_at") <= run("web-second", "started_at"), "{runs}");
    // The one that fails keeps the other, and all objects, from what they would do.
    stage.release(with("fail", "ready", "two")).await;
    let (object, _) = stage.stalled("RetriesExceeded").await;
    assert!(condition(&object, "Released").2.contains("pre-upgrade hooks failed"), "{object}");
    assert_eq!(stage.value().await, "one");
    assert_eq!(statuses(stage.records().await), ["superseded", "failed", "deployed"]);
    let again = stage.world.api.get("Job", "apps", "web-first").await.expect("a failed hook is there to be looked at");
    assert_ne!(again["metadata"]["uid"], job["metadata"]["uid"], "it was made anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_happens_to_what_is_suspended() {
    let stage = Stage::start().await;
    let ns = stage.world.namespace.clone();
    stage.release(json!({})).await;
    stage.ready(1).await;
    stage.release(json!({"suspend": true, "values": {"value": "two"}})).await;
    let token = stage.ask(&[]).await;
    stage.becomes("told that it is suspended", |it| it["status"]["lastHandledReconcileAt"] == token.as_str()).await;
    stays("the suspended release", Duration::from_millis(700), async || {
        let records = stage.records().await;
        if records.len() == 1 { Ok(()) } else { Err(format!("{records:?}")) }
    })
    .await;
    assert_eq!(stage.value().await, "one");
    stage.release(json!({"suspend": false, "values": {"value": "two"}})).await;
    stage.ready(2).await;
    // One that goes while it is suspended leaves its release behind, for whoever comes next.
    stage.release(json!({"suspend": true, "values": {"value": "two"}})).await;
    stage.world.api.delete("HelmRelease", &ns, "web").await;
    stage.world.gone("HelmRelease", &ns, "web").await;
    assert_eq!(stage.value().await, "two");
    assert_eq!(statuses(stage.records().await), ["superseded", "deployed"]);
    stage.release(json!({"values": {"value": "two"}})).await;
    stage.ready(2).await;
    assert_eq!(stage.records().await.len(), 2, "what is as it is wanted is taken over as it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_history_is_kept_can_be_replaced() {
    let stage = Stage::start().await;
    let ns = stage.world.namespace.clone();
    stage.release(json!({"uninstall": {"keepHistory": true}})).await;
    stage.ready(1).await;
    stage.world.api.delete("HelmRelease", &ns, "web").await;
    stage.world.gone("HelmRelease", &ns, "web").await;
    stage.world.gone("Deployment", "apps", "web").await;
    assert_eq!(statuses(stage.records().await), ["uninstalled"]);
    stage.release(json!({})).await;
    let object = stage.becomes("refused", |it| condition(it, "Ready").1 == "InstallFailed").await;
    assert!(condition(&object, "Ready").2.contains("cannot reuse a name that is still in use"), "{object}");
    stage.release(json!({"install": {"replace": true}})).await;
    stage.ready(2).await;
    assert_eq!(statuses(stage.records().await), ["superseded", "deployed"]);
}
