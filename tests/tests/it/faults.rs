//! What a kill, a lost volume or a broken source may cost: time, and nothing else (SECURITY §3).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use sluice_tests::{Fault, PATIENCE, Random, Repository, World, condition, eventually, id, inventory, stays};

/// Kills of a usual run; `SLUICE_KILLS=100` for the full hundred.
const KILLS: u64 = 12;

/// Most ConfigMaps of a revision: enough that a kill finds an apply or a prune under way.
const MOST: u64 = 40;

/// A random revision, as the files of `app/`; returns the inventory ids that it makes.
fn revision(repository: &Repository, random: &mut Random, seed: u64) -> BTreeSet<String> {
    let count = random.below(MOST) + 1;
    let mut ids = BTreeSet::new();
    let mut files = String::new();
    for _ in 0..count {
        let name = format!("c{}", random.below(MOST));
        if ids.insert(id("apps", &name, "ConfigMap")) {
            files += &format!(
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: apps}}\ndata: {{seed: \"{seed}\"}}\n"
            );
        }
    }
    // A change of an immutable object is a deletion and a creation, between which a kill must not lose it.
    files += &format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fixed\n  namespace: apps\n  annotations: \
         {{kustomize.toolkit.fluxcd.io/force: Enabled}}\nimmutable: true\ndata: {{seed: \"{seed}\"}}\n"
    );
    ids.insert(id("apps", "fixed", "ConfigMap"));
    // A namespace of its own has to be there before what is in it.
    if random.below(2) == 0 {
        files += "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n---\napiVersion: v1\nkind: \
                  ServiceAccount\nmetadata: {name: inner, namespace: elsewhere}\n";
        ids.insert(id("", "elsewhere", "Namespace"));
        ids.insert(id("elsewhere", "inner", "ServiceAccount"));
    }
    repository.write("app/all.yaml", &files);
    ids
}

/// Waits for a random instant: after so many requests of a controller since the mark, or after so long.
async fn random_instant(world: &World, random: &mut Random, controller: &str, mark: Option<u64>, objects: usize) {
    let (Some(audit), Some(mark), true) = (world.audit(), mark, random.below(4) > 0) else {
        return tokio::time::sleep(Duration::from_micros(random.below(400_000))).await;
    };
    // A rehearsal and a write for most objects, the status, events; a fetch takes the source two or three.
    let most = if controller == "source-controller" { 3 } else { 2 * objects as u64 + 4 };
    let wanted = usize::try_from(random.below(most)).unwrap_or(0);
    let user = format!("system:serviceaccount:flux-system:{controller}");
    let start = std::time::Instant::now();
    // Some revisions take fewer requests.
    while audit.calls(&user, mark).len() < wanted && start.elapsed() < Duration::from_secs(2) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_instant_loses_nothing() {
    let kills = std::env::var("SLUICE_KILLS").ok().and_then(|it| it.parse().ok()).unwrap_or(KILLS);
    let mut world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("killed");
    let mut random = Random::new(0);
    let mut expected = revision(&repository, &mut random, 0);
    let first = repository.commit("Start");
    world.follow(&repository).await;
    world.kustomization("killed", &repository, "./app", json!({"timeout": "30s"})).await;
    settles(&world, &repository, &first, &expected, "the start").await;
    let mut midway = 0;
    for seed in 1..=kills {
        let mut random = Random::new(seed);
        let before = std::mem::replace(&mut expected, revision(&repository, &mut random, seed));
        let revision = repository.commit(&format!("Revision {seed}"));
        let mark = world.audit().map(sluice_tests::Audit::mark);
        world.fetch(&repository).await;
        let victims = match random.below(4) {
            0 => vec!["source-controller"],
            1 => vec!["source-controller", "kustomize-controller"],
            _ => vec!["kustomize-controller"],
        };
        random_instant(&world, &mut random, victims[victims.len() - 1], mark, expected.len()).await;
        for victim in &victims {
            let controller = if *victim == "source-controller" { &mut world.source } else { &mut world.kustomize };
            controller.kill();
        }
        let live = world.labelled("killed").await;
        midway += u64::from(live != before && live != expected);
        for victim in &victims {
            let controller = if *victim == "source-controller" { &mut world.source } else { &mut world.kustomize };
            controller.start();
        }
        settles(&world, &repository, &revision, &expected, &format!("kill {seed} of {victims:?}")).await;
        let fixed = world.api.get("ConfigMap", "apps", "fixed").await.expect("it is in the inventory");
        assert_eq!(fixed["data"]["seed"], seed.to_string(), "kill {seed}");
    }
    println!("{kills} kills, {midway} of them between the first and the last object of a revision");
}

/// Waits for the end state of a revision, which holds all invariants.
async fn settles(world: &World, repository: &Repository, revision: &str, expected: &BTreeSet<String>, after: &str) {
    eventually(format!("the invariants after {after}"), PATIENCE, async || {
        world.invariants("killed", repository, revision, expected).await
    })
    .await;
}

/// A Kustomization of two ConfigMaps, applied.
async fn small(world: &World) -> (Repository, String, BTreeSet<String>) {
    world.make_namespace("apps").await;
    let repository = world.repository("killed");
    for name in ["one", "two"] {
        let map =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: apps}}\ndata: {{a: b}}\n");
        repository.write(&format!("app/{name}.yaml"), &map);
    }
    let revision = repository.commit("Start");
    world.follow(&repository).await;
    world.kustomization("killed", &repository, "./app", json!({})).await;
    let expected = BTreeSet::from([id("apps", "one", "ConfigMap"), id("apps", "two", "ConfigMap")]);
    settles(world, &repository, &revision, &expected, "the start").await;
    (repository, revision, expected)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_volume_is_filled_again_and_prunes_nothing() {
    let mut world = World::start().await;
    let (repository, revision, expected) = small(&world).await;
    world.source.kill();
    std::fs::remove_dir_all(world.storage()).expect("the storage is there");
    std::fs::create_dir_all(world.storage()).expect("a folder can be made");
    // Whoever asks while the artifact is gone waits for it.
    world.kustomize.kill();
    world.kustomize.start();
    world.request("Kustomization", "killed").await;
    stays("the objects without an artifact", Duration::from_millis(700), async || all_there(&world, &expected).await)
        .await;
    world.source.start();
    settles(&world, &repository, &revision, &expected, "the loss of the volume").await;
    world.request("Kustomization", "killed").await;
    world.applied("killed", &revision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_artifact_with_other_bytes_is_not_used_and_made_again() {
    let mut world = World::start().await;
    let (repository, revision, expected) = small(&world).await;
    let object = world.api.get("GitRepository", &world.namespace, "killed").await.expect("it is there");
    let path = object["status"]["artifact"]["path"].as_str().expect("an artifact has a path");
    let file = world.storage().join(path);
    let whole = std::fs::read(&file).expect("the artifact is there");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("it can be written");
    // A fresh process has no copy of its own.
    world.kustomize.kill();
    world.kustomize.start();
    stays("the objects with half an artifact", Duration::from_millis(700), async || all_there(&world, &expected).await)
        .await;
    world.source.kill();
    world.source.start();
    settles(&world, &repository, &revision, &expected, "half an artifact").await;
    world.request("Kustomization", "killed").await;
    world.applied("killed", &revision).await;
}

async fn all_there(world: &World, expected: &BTreeSet<String>) -> Result<(), String> {
    let live = world.labelled("killed").await;
    let object = world.get_kustomization("killed").await;
    let known = inventory(&object["status"]);
    if live == *expected && known == *expected { Ok(()) } else { Err(format!("live {live:?}, inventory {known:?}")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_source_prunes_nothing_and_comes_back() {
    let world = World::start().await;
    let (repository, first, expected) = small(&world).await;
    let at = ("GitRepository", world.namespace.as_str(), "killed");
    repository.remove("app/two.yaml");
    let revision = repository.commit("One less");
    for fault in [Fault::Unavailable, Fault::NotFound, Fault::Truncated] {
        world.git.fail(fault);
        world.fetch(&repository).await;
        let refused = |it: &serde_json::Value| {
            let handled = &it["status"]["lastHandledReconcileAt"];
            let asked = &it["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"];
            condition(it, "Ready").0 == "False" && handled == asked
        };
        let object = world.object(&format!("to fail with {fault:?}"), at, refused).await;
        let (_, reason, message) = condition(&object, "Ready");
        assert_eq!(reason, "GitOperationFailed", "{message}");
        assert_eq!(object["status"]["artifact"]["revision"], first.as_str(), "the last good artifact stays");
        all_there(&world, &expected).await.expect("a source that fails is not an empty source");
    }
    world.git.fail(Fault::None);
    let expected = BTreeSet::from([id("apps", "one", "ConfigMap")]);
    // It looks again by itself.
    settles(&world, &repository, &revision, &expected, "the source came back").await;
}

/// A Deployment that never becomes ready.
const STALLED: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: stalled, namespace: apps}\nspec:\n  selector: \
                       {matchLabels: {app: stalled}}\n  template:\n    metadata:\n      labels: {app: stalled}\n      \
                       annotations: {simulate.sluice.dev/outcome: stall}\n    spec: {containers: [{name: a, image: \
                       \"registry.invalid/a:1\"}]}\n";

/// Waits until a Kustomization waits for health.
async fn waits_for_health(world: &World) {
    eventually("the wait for health", PATIENCE, async || {
        let object = world.get_kustomization("killed").await;
        let waits = condition(&object, "Reconciling").2.contains("Running health checks");
        if waits { Ok(()) } else { Err(object["status"].to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_while_waiting_for_health_ends_soon_and_claims_nothing() {
    let mut world = World::start().await;
    let (repository, ..) = small(&world).await;
    repository.write("app/stalled.yaml", STALLED);
    let stalled = repository.commit("Never ready");
    world
        .api
        .patch("Kustomization", &world.namespace, "killed", json!({"spec": {"wait": true, "timeout": "10m"}}))
        .await;
    world.fetch(&repository).await;
    world.object("to be there", ("Deployment", "apps", "stalled"), |_| true).await;
    waits_for_health(&world).await;
    let (status, took) = world.kustomize.terminate(Duration::from_secs(10)).await;
    assert!(status.success(), "it ended with {status}");
    println!("SIGTERM to the end: {} ms", took.as_millis());
    let object = world.get_kustomization("killed").await;
    assert_ne!(condition(&object, "Ready").0, "True", "{}", object["status"]);
    assert_ne!(object["status"]["lastAppliedRevision"], stalled.as_str());
    assert_eq!(inventory(&object["status"]).len(), 3, "what was applied is known");
    let (status, _) = world.source.terminate(Duration::from_secs(10)).await;
    assert!(status.success(), "it ended with {status}");
    world.source.start();
    world.kustomize.start();
    repository.remove("app/stalled.yaml");
    let revision = repository.commit("Without it");
    world.fetch(&repository).await;
    let expected = BTreeSet::from([id("apps", "one", "ConfigMap"), id("apps", "two", "ConfigMap")]);
    settles(&world, &repository, &revision, &expected, "the restart").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_specification_that_changes_under_way_is_the_one_that_counts() {
    let world = World::start().await;
    let (repository, ..) = small(&world).await;
    repository.write("app/stalled.yaml", STALLED);
    repository
        .write("second/three.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: three, namespace: apps}\n");
    let revision = repository.commit("Never ready, and another folder");
    world
        .api
        .patch("Kustomization", &world.namespace, "killed", json!({"spec": {"wait": true, "timeout": "10m"}}))
        .await;
    world.fetch(&repository).await;
    waits_for_health(&world).await;
    world.api.patch("Kustomization", &world.namespace, "killed", json!({"spec": {"path": "./second"}})).await;
    let expected = BTreeSet::from([id("apps", "three", "ConfigMap")]);
    settles(&world, &repository, &revision, &expected, "the new path").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_is_deleted_and_made_again_under_way_starts_anew() {
    let world = World::start().await;
    let (repository, ..) = small(&world).await;
    repository.write("app/stalled.yaml", STALLED);
    repository.commit("Never ready");
    world
        .api
        .patch("Kustomization", &world.namespace, "killed", json!({"spec": {"wait": true, "timeout": "10m"}}))
        .await;
    world.fetch(&repository).await;
    waits_for_health(&world).await;
    let old = world.get_kustomization("killed").await["metadata"]["uid"].clone();
    world.api.delete("Kustomization", &world.namespace, "killed").await;
    world.gone("Kustomization", &world.namespace, "killed").await;
    assert_eq!(world.labelled("killed").await, BTreeSet::new(), "the finalizer has deleted what was applied");
    repository.remove("app/stalled.yaml");
    let revision = repository.commit("Without it");
    world.fetch(&repository).await;
    world.kustomization("killed", &repository, "./app", json!({})).await;
    let expected = BTreeSet::from([id("apps", "one", "ConfigMap"), id("apps", "two", "ConfigMap")]);
    settles(&world, &repository, &revision, &expected, "the new object").await;
    let object = world.get_kustomization("killed").await;
    assert_ne!(object["metadata"]["uid"], old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_by_others_while_a_pass_writes_lose_no_status() {
    let world = World::start().await;
    let (repository, ..) = small(&world).await;
    for index in 0..20 {
        let value = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: one, namespace: apps}}\ndata: {{a: \"{index}\"}}\n"
        );
        repository.write("app/one.yaml", &value);
        repository.commit("Another value");
        world.fetch(&repository).await;
        world.api.annotate("Kustomization", &world.namespace, "killed", "example.com/note", &index.to_string()).await;
        world
            .api
            .patch(
                "Kustomization",
                &world.namespace,
                "killed",
                json!({"spec": {"timeout": format!("{}s", 60 + index)}}),
            )
            .await;
    }
    let revision = repository.commit("The last");
    world.fetch(&repository).await;
    let expected = BTreeSet::from([id("apps", "one", "ConfigMap"), id("apps", "two", "ConfigMap")]);
    settles(&world, &repository, &revision, &expected, "many edits").await;
    world.object("to have the last value", ("ConfigMap", "apps", "one"), |it| it["data"]["a"] == "19").await;
}
