//! What a HelmRelease costs the API server, counted in its audit log. Watches are not counted: each is one request for as
//! long as it lasts. Events are requests apart.

use std::time::Duration;

use serde_json::json;
use sluice_tests::{Call, PATIENCE, eventually, helm_release, stays};

use super::{Stage, USER, is_ready};

/// The requests of an install of four objects, one of which is waited for (Flux: 43): finalizer, list of the records,
/// status, pending record, four objects, deployed record, status.
const INSTALL: usize = 10;
/// And of an upgrade of three of them: the list of the records is there already.
const UPGRADE: usize = 10;

/// What a process asks once in a while, whatever it releases.
fn is_discovery(call: &Call) -> bool {
    let path = call.uri.split('?').next().unwrap_or_default();
    matches!(path, "/version" | "/api" | "/apis")
}

#[track_caller]
fn at_most(what: &str, most: usize, calls: Vec<Call>) {
    let calls: Vec<Call> = calls.into_iter().filter(|it| !it.is_event() && !is_discovery(it)).collect();
    println!("{what}: {} requests", calls.len());
    let told: Vec<String> = calls.iter().map(ToString::to_string).collect();
    assert!(calls.len() <= most, "{what} took {} requests, more than {most}:\n{}", calls.len(), told.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_costs_what_it_makes() {
    let stage = Stage::start().await;
    let (world, ns) = (&stage.world, stage.world.namespace.as_str());
    let Some(audit) = world.audit() else { return };
    // The first release of a process also asks for what all others find there: kinds, capabilities, watches.
    stage.release(json!({})).await;
    stage.ready(1).await;
    let second = |value: &str| {
        let spec = json!({"targetNamespace": "apps", "releaseName": "second", "values": {"value": value}});
        helm_release(world, "second", "web", &spec)
    };
    let ready = async |version: i64| {
        eventually(format!("the second release to be ready at revision {version}"), PATIENCE, async || {
            let object = world.api.get("HelmRelease", ns, "second").await.unwrap_or_default();
            if is_ready(&object, version) { Ok(object) } else { Err(object["status"].to_string()) }
        })
        .await
    };
    let mark = audit.mark();
    world.api.apply(&second("one")).await;
    ready(1).await;
    at_most("an install of four objects", INSTALL, audit.calls(USER, mark));
    let mark = audit.mark();
    world.api.apply(&second("two")).await;
    ready(2).await;
    at_most("an upgrade", UPGRADE, audit.calls(USER, mark));
    // Nothing new costs nothing: three passes, one a second.
    world.api.patch("HelmRelease", ns, "second", json!({"spec": {"interval": "1s"}})).await;
    let version = ready(2).await["metadata"]["resourceVersion"].clone();
    let mark = audit.mark();
    stays("an unchanged HelmRelease", Duration::from_millis(3500), async || {
        let now = world.api.get("HelmRelease", ns, "second").await.unwrap_or_default();
        let now = now["metadata"]["resourceVersion"].clone();
        if now == version { Ok(()) } else { Err(format!("version {now}, not {version}")) }
    })
    .await;
    at_most("three passes over what is as it should be", 0, audit.calls(USER, mark));
}
