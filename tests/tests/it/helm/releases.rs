//! The life of a release: installed, upgraded, corrected, interrupted, uninstalled.

use std::time::{Duration, Instant};

use serde_json::json;
use sluice_tests::condition;

use super::{HOOK, Stage, TEST, USER, packed, unpacked};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_is_installed_upgraded_corrected_and_uninstalled() {
    let stage = Stage::start().await;
    let (world, ns) = (&stage.world, stage.world.namespace.clone());
    // The first release of a controller asks for what all others find there: kinds, capabilities, watches.
    stage.publish("1.0.0", &[("templates/hook.yaml", HOOK)]).await;
    stage.release(json!({"driftDetection": {"mode": "enabled"}, "values": {"value": "one"}})).await;
    let object = stage.ready(1).await;
    assert_eq!(condition(&object, "Ready").1, "InstallSucceeded");
    let message = "Helm install succeeded for release apps/web.v1 with chart web@1.0.0";
    assert_eq!(condition(&object, "Released").2, message);
    assert_eq!(object["status"]["history"][0]["status"], "deployed");
    assert_eq!(object["status"]["inventory"]["entries"].as_array().map(Vec::len), Some(4));
    let live = world.api.get("ConfigMap", "apps", "web").await.expect("it is installed");
    assert_eq!(live["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
    assert_eq!(live["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"], "web");
    assert_eq!(live["metadata"]["annotations"]["meta.helm.sh/release-name"], "web");
    assert!(world.api.get("ConfigMap", "apps", "web-before").await.is_none(), "the hook is deleted");

    // Nothing new, nothing written.
    if let Some(audit) = world.audit() {
        let mark = audit.mark();
        world.request("HelmRelease", "web").await;
        stage.becomes("looked at", |it| it["status"]["lastHandledReconcileAt"].is_string()).await;
        let writes: Vec<_> = audit.calls(USER, mark).into_iter().filter(|it| it.is_write()).collect();
        assert!(writes.len() <= 1, "{writes:?}");
    }

    stage.release(json!({"driftDetection": {"mode": "enabled"}, "values": {"value": "two"}})).await;
    let object = stage.ready(2).await;
    assert_eq!(condition(&object, "Released").1, "UpgradeSucceeded");
    assert_eq!(stage.value().await, "two");
    assert_eq!(stage.records().await, [(1, "superseded".to_owned()), (2, "deployed".to_owned())]);

    // What somebody changes or deletes comes back without an interval.
    world.api.patch("ConfigMap", "apps", "web", json!({"data": {"value": "edited"}})).await;
    world.object("to be corrected", ("ConfigMap", "apps", "web"), |it| it["data"]["value"] == "two").await;
    world.api.delete("ServiceAccount", "apps", "web").await;
    world.object("to be there again", ("ServiceAccount", "apps", "web"), |_| true).await;
    assert_eq!(stage.records().await.len(), 2, "a correction is no revision");

    stage.publish("1.1.0", &[]).await;
    let object = stage.ready(3).await;
    assert_eq!(object["status"]["lastAttemptedRevision"], "1.1.0");
    world.api.delete("HelmRelease", &ns, "web").await;
    world.gone("HelmRelease", &ns, "web").await;
    for kind in ["ConfigMap", "Secret", "ServiceAccount", "Deployment"] {
        world.gone(kind, "apps", "web").await;
    }
    assert_eq!(stage.records().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_installation_waits_for_somebody_and_a_new_revision_ends_a_wait() {
    let stage = Stage::start().await;
    stage.release(json!({"values": {"outcome": "fail"}})).await;
    let object = stage.becomes("stalled", |it| condition(it, "Stalled").0 == "True").await;
    assert_eq!(condition(&object, "Ready").1, "InstallFailed");
    assert_eq!(condition(&object, "Stalled").2, "Failed to install after 1 attempt(s)");
    // It never becomes ready, and the wait is long; the fix does not wait for it.
    stage.release(json!({"timeout": "10m", "values": {"outcome": "stall"}})).await;
    stage.becomes("waiting", |it| condition(it, "Reconciling").2.contains("Running 'upgrade'")).await;
    let start = Instant::now();
    stage.release(json!({"values": {"outcome": "ready"}})).await;
    stage.ready(3).await;
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_count_and_drift_is_told() {
    let stage = Stage::start().await;
    stage.publish("1.0.0", &[("templates/test.yaml", TEST)]).await;
    stage.release(json!({"test": {"enable": true}, "driftDetection": {"mode": "warn"}})).await;
    let object = stage.ready(1).await;
    assert_eq!(condition(&object, "TestSuccess").1, "TestSucceeded", "{object}");
    assert_eq!(object["status"]["history"][0]["testHooks"]["web-test"]["phase"], "Succeeded");
    stage.world.api.patch("ConfigMap", "apps", "web", json!({"data": {"value": "edited"}})).await;
    let object = stage.becomes("drifted", |it| condition(it, "Drifted").0 == "True").await;
    assert!(condition(&object, "Drifted").2.contains("ConfigMap/apps/web changed"), "{object}");
    assert_eq!(stage.value().await, "edited");
    stage.release(json!({"test": {"enable": true}, "values": {"test": "fail"}})).await;
    let object = stage.becomes("failed", |it| condition(it, "Ready").1 == "TestFailed").await;
    assert_eq!(condition(&object, "Stalled").1, "RetriesExceeded", "{object}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_in_any_state_is_taken_up_again() {
    let stage = Stage::start().await;
    stage.release(json!({})).await;
    stage.ready(1).await;
    let ns = stage.world.namespace.clone();
    let mut version = 1;
    for status in ["pending-upgrade", "pending-rollback", "uninstalling", "unknown", "superseded"] {
        let name = format!("sh.helm.release.v1.web.v{version}");
        let secret = stage.world.api.get("Secret", &ns, &name).await.expect("it is stored");
        let stored = secret["data"]["release"].as_str().unwrap_or_default();
        let mut record = unpacked(stored);
        record["info"]["status"] = status.into();
        let patch = json!({"data": {"release": packed(&record)}, "metadata": {"labels": {"status": status}}});
        stage.world.api.patch("Secret", &ns, &name, patch).await;
        stage.world.request("HelmRelease", "web").await;
        let next = version + 1;
        stage
            .becomes(&format!("out of {status}"), |it| {
                condition(it, "Ready").0 == "True" && it["status"]["history"][0]["version"] == next
            })
            .await;
        version = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_read_stops_everything_else() {
    let stage = Stage::start().await;
    let (world, ns) = (&stage.world, stage.world.namespace.clone());
    stage.release(json!({})).await;
    stage.ready(1).await;
    let name = "sh.helm.release.v1.web.v1";
    let good = world.api.get("Secret", &ns, name).await.expect("it is stored")["data"]["release"].clone();
    let mut record = unpacked(good.as_str().unwrap_or_default());
    record["version"] = 7.into();
    let live = world.api.get("Deployment", "apps", "web").await.expect("it is installed")["metadata"]["uid"].clone();
    for broken in ["bm90IGJhc2U2NA==".to_owned(), packed(&record)] {
        world.api.patch("Secret", &ns, name, json!({"data": {"release": broken}})).await;
        stage.ask(&[]).await;
        let object = stage.becomes("told", |it| condition(it, "Ready").1 == "StateError").await;
        assert_eq!(object["status"]["history"][0]["version"], 1, "{object}");
        assert_eq!(stage.records().await.len(), 1, "nothing is installed over it");
        world.api.patch("Secret", &ns, name, json!({"data": {"release": good}})).await;
        stage.ask(&[]).await;
        stage.ready(1).await;
    }
    let now = world.api.get("Deployment", "apps", "web").await.expect("it is there still");
    assert_eq!(now["metadata"]["uid"], live);
}
