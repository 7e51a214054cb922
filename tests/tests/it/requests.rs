//! What a reconcile costs the API server, counted in its audit log.
//!
//! Watches are not counted: each is one request for as long as it lasts. Events are: they are what a user reads.

use std::time::Duration;

use serde_json::json;
use sluice_tests::{Audit, Call, Repository, World, stays};

const CONTROLLER: &str = "system:serviceaccount:flux-system:kustomize-controller";
const SOURCE: &str = "system:serviceaccount:flux-system:source-controller";

/// The most requests of a first apply of four objects, and of an update (Flux: 23 and 21).
const FIRST: usize = 9;
const UPDATE: usize = 8;

fn four_objects(repository: &Repository, value: &str) {
    let objects = [
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app}}\ndata: {{value: {value}}}\n"),
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: app}}\nstringData: {{value: {value}}}\n"),
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: app}\n".to_owned(),
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app}}\nspec:\n  replicas: 1\n  selector: \
             {{matchLabels: {{app: app}}}}\n  template:\n    metadata: {{labels: {{app: app}}}}\n    spec: \
             {{containers: [{{name: app, image: \"app:{value}\"}}]}}\n"
        ),
    ];
    for (index, object) in objects.iter().enumerate() {
        repository.write(&format!("app/{index}.yaml"), object);
    }
}

/// Requests from a mark on, once no more come.
async fn settled(audit: &Audit, user: &str, since: u64) -> Vec<Call> {
    let mut seen = audit.calls(user, since).len();
    loop {
        let quiet = async || if audit.calls(user, since).len() == seen { Ok(()) } else { Err(()) };
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(500) && quiet().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let now = audit.calls(user, since);
        if now.len() == seen {
            return now;
        }
        seen = now.len();
    }
}

#[track_caller]
fn at_most(what: &str, most: usize, calls: &[Call]) {
    println!("{what}: {} requests", calls.len());
    let told: Vec<String> = calls.iter().map(ToString::to_string).collect();
    assert!(calls.len() <= most, "{what} took {} requests, more than {most}:\n{}", calls.len(), told.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_costs_what_it_changes() {
    let world = World::start().await;
    let Some(audit) = world.audit() else { return };
    world.make_namespace("apps").await;
    let repository = world.repository("counted");
    four_objects(&repository, "one");
    let warm = repository.commit("Start");
    world.follow(&repository).await;
    // What a process asks once, discovery and the first list of a kind, is not part of a reconcile.
    world.kustomization("warm", &repository, "./app", json!({"targetNamespace": "apps", "namePrefix": "warm-"})).await;
    world.applied("warm", &warm).await;
    settled(audit, CONTROLLER, 0).await;

    let mark = audit.mark();
    world.kustomization("counted", &repository, "./app", json!({"targetNamespace": "apps"})).await;
    world.applied("counted", &warm).await;
    at_most("first apply of four objects", FIRST, &settled(audit, CONTROLLER, mark).await);

    world.api.patch("Kustomization", &world.namespace, "warm", json!({"spec": {"suspend": true}})).await;
    settled(audit, CONTROLLER, 0).await;
    four_objects(&repository, "two");
    let mark = audit.mark();
    let update = repository.commit("Update");
    world.fetch(&repository).await;
    world.applied("counted", &update).await;
    let calls = settled(audit, CONTROLLER, mark).await;
    at_most("update of three of four objects", UPDATE, &calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_that_changes_nothing_writes_nothing() {
    let world = World::start().await;
    let Some(audit) = world.audit() else { return };
    world.make_namespace("apps").await;
    let repository = world.repository("counted");
    four_objects(&repository, "one");
    let revision = repository.commit("Start");
    world.follow(&repository).await;
    let more = json!({"targetNamespace": "apps", "interval": "1s", "wait": true});
    world.kustomization("counted", &repository, "./app", more).await;
    world.api.patch("GitRepository", &world.namespace, repository.name(), json!({"spec": {"interval": "1s"}})).await;
    let object = world.applied("counted", &revision).await;
    for user in [CONTROLLER, SOURCE] {
        settled(audit, user, 0).await;
    }
    let mark = audit.mark();
    let version = object["metadata"]["resourceVersion"].clone();
    // Three passes of each controller, one a second.
    stays("an unchanged Kustomization", Duration::from_millis(3500), async || {
        let now = world.get_kustomization("counted").await["metadata"]["resourceVersion"].clone();
        if now == version { Ok(()) } else { Err(format!("version {now}, not {version}")) }
    })
    .await;
    for (user, most) in [(CONTROLLER, 3), (SOURCE, 3)] {
        let calls = audit.calls(user, mark);
        at_most(&format!("three unchanged passes of {user}"), most, &calls);
        assert!(!calls.iter().any(Call::is_write), "{calls:?}");
    }
}
