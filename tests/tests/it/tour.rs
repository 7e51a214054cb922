//! What the README promises: a commit is applied, drift is put back, what is deleted in Git is pruned, a revert reverts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::{EXAMPLE_KUSTOMIZATIONS, Repository, World, condition, eventually, stays};

const OVERLAY: &str = "overlays/production/kustomization.yaml";
const DEPLOYMENT: (&str, &str, &str) = ("Deployment", "production", "web-app");

fn image(deployment: &Value) -> &str {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default()
}

/// The example, applied and ready.
async fn example(world: &World) -> (Repository, String) {
    let repository = world.example();
    let revision = repository.commit("Start");
    world.follow_example(&repository).await;
    for name in EXAMPLE_KUSTOMIZATIONS {
        world.applied(name, &revision).await;
    }
    (repository, revision)
}

/// Says how long a step took, for whoever reads the output; the benchmarks judge it.
fn took(step: &str, start: Instant) {
    println!("{step}: {} ms", start.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_becomes_and_stays_the_state_of_the_cluster() {
    let world = World::start().await;
    let start = Instant::now();
    let (repository, _) = example(&world).await;
    took("first commit to all ready", start);
    let deployment = world.object("to be there", DEPLOYMENT, |_| true).await;
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(image(&deployment), "ghcr.io/example/web-app:1.4.2");
    assert_eq!(deployment["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"], "web-app-production");
    assert_eq!(deployment["status"]["readyReplicas"], 3, "a health check waits for it");

    let start = Instant::now();
    world.api.patch("Deployment", "production", "web-app", json!({"spec": {"replicas": 7}})).await;
    world.object("to have 3 replicas again", DEPLOYMENT, |it| it["spec"]["replicas"] == 3).await;
    took("edit to put back", start);

    let start = Instant::now();
    let uid =
        world.object("to be there", ("Service", "production", "web-app"), |_| true).await["metadata"]["uid"].clone();
    world.api.delete("Service", "production", "web-app").await;
    world.object("to be back", ("Service", "production", "web-app"), |it| it["metadata"]["uid"] != uid).await;
    took("deleted to back", start);

    repository.edit(OVERLAY, "1.4.2", "1.4.3");
    repository.edit(OVERLAY, "  - pod-disruption-budget.yaml\n", "");
    let start = Instant::now();
    let revision = repository.commit("A new version, and no budget");
    world.fetch(&repository).await;
    world.object("to have the new image", DEPLOYMENT, |it| image(it).ends_with(":1.4.3")).await;
    took("commit to applied", start);
    world.gone("PodDisruptionBudget", "production", "web-app").await;
    took("commit to pruned", start);
    for name in EXAMPLE_KUSTOMIZATIONS {
        world.applied(name, &revision).await;
    }

    let start = Instant::now();
    let reverted = repository.revert();
    world.fetch(&repository).await;
    world.object("to have the old image", DEPLOYMENT, |it| image(it).ends_with(":1.4.2")).await;
    world.object("to be back", ("PodDisruptionBudget", "production", "web-app"), |_| true).await;
    for name in EXAMPLE_KUSTOMIZATIONS {
        world.applied(name, &reverted).await;
    }
    took("revert to all ready", start);

    let start = Instant::now();
    for name in EXAMPLE_KUSTOMIZATIONS {
        world.api.delete("Kustomization", &world.namespace, name).await;
    }
    for name in EXAMPLE_KUSTOMIZATIONS {
        world.gone("Kustomization", &world.namespace, name).await;
    }
    world.gone("Deployment", "production", "web-app").await;
    world.gone("Namespace", "", "staging").await;
    took("deletion to all gone", start);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dependent_waits_for_its_dependency() {
    let world = World::start().await;
    let repository = world.example();
    // The dependency is not ready until its Deployment is, and that is told to never be.
    let stall = "    metadata:\n      annotations:\n        simulate.sluice.dev/outcome: stall\n";
    let deployment = repository.read("base/deployment.yaml");
    if world.is_embedded() {
        repository.edit("base/deployment.yaml", "    metadata:\n", stall);
    } else {
        repository.edit("base/deployment.yaml", "ghcr.io/example/web-app:1.0.0", "registry.invalid/web-app:1.0.0");
    }
    repository.commit("Never ready");
    world.follow_example(&repository).await;
    world.object("to be there", DEPLOYMENT, |_| true).await;
    let message = world.fails("web-app-staging", "DependencyNotReady").await;
    assert!(message.contains("web-app-production"), "{message}");
    stays("the dependent waiting", Duration::from_millis(700), async || {
        match world.api.get("Namespace", "", "staging").await {
            None => Ok(()),
            Some(_) => Err("it was applied".to_owned()),
        }
    })
    .await;
    repository.write("base/deployment.yaml", &deployment);
    let revision = repository.commit("Ready at last");
    world.fetch(&repository).await;
    // The fix does not wait for the timeout of the broken revision.
    world.applied("web-app-production", &revision).await;
    world.applied("web-app-staging", &revision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_content_under_the_same_revision_is_applied() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("ignores");
    let config =
        |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "apps"}});
    repository.write("deploy/kept.yaml", &config("kept").to_string());
    repository.write("deploy/left-out.yaml", &config("left-out").to_string());
    let revision = repository.commit("Two");
    world.follow(&repository).await;
    world.kustomization("c", &repository, "./deploy", json!({})).await;
    world.applied("c", &revision).await;
    world.object("to be there", ("ConfigMap", "apps", "left-out"), |_| true).await;
    let ignore = json!({"spec": {"ignore": "/deploy/left-out.yaml"}});
    world.api.patch("GitRepository", &world.namespace, repository.name(), ignore).await;
    world.gone("ConfigMap", "apps", "left-out").await;
    world.object("to stay", ("ConfigMap", "apps", "kept"), |_| true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_suspended_stays_as_it_is() {
    let world = World::start().await;
    let (repository, first) = example(&world).await;
    let ns = world.namespace.as_str();
    world.api.patch("Kustomization", ns, "web-app-production", json!({"spec": {"suspend": true}})).await;
    repository.edit(OVERLAY, "1.4.2", "1.4.3");
    let revision = repository.commit("A new version");
    world.fetch(&repository).await;
    // The token of a suspended object is handled all the same: whoever asks is not left waiting.
    let token = world.request("Kustomization", "web-app-production").await;
    handled(&world, "Kustomization", "web-app-production", &token).await;
    world.api.patch("Deployment", "production", "web-app", json!({"spec": {"replicas": 5}})).await;
    let at = ("GitRepository", ns, repository.name());
    world.object("to have the new revision", at, |it| it["status"]["artifact"]["revision"] == revision.as_str()).await;
    stays("the suspended state", Duration::from_millis(700), async || {
        let deployment = world.api.get("Deployment", "production", "web-app").await.ok_or("it is gone")?;
        let kustomization = world.get_kustomization("web-app-production").await;
        let untouched = image(&deployment).ends_with(":1.4.2") && deployment["spec"]["replicas"] == 5;
        let told = kustomization["status"]["lastAppliedRevision"] == first.as_str();
        if untouched && told { Ok(()) } else { Err(deployment["spec"].to_string()) }
    })
    .await;
    world.api.patch("Kustomization", ns, "web-app-production", json!({"spec": {"suspend": false}})).await;
    world.applied("web-app-production", &revision).await;
    world
        .object("to be as in Git", DEPLOYMENT, |it| image(it).ends_with(":1.4.3") && it["spec"]["replicas"] == 3)
        .await;

    world.api.patch("GitRepository", ns, repository.name(), json!({"spec": {"suspend": true}})).await;
    repository.edit(OVERLAY, "1.4.3", "1.4.4");
    let newest = repository.commit("Another version");
    let token = world.request("GitRepository", repository.name()).await;
    handled(&world, "GitRepository", repository.name(), &token).await;
    let source = world.object("to be there", at, |_| true).await;
    assert_eq!(source["status"]["artifact"]["revision"], revision.as_str(), "a suspended source fetches nothing");
    world.api.patch("GitRepository", ns, repository.name(), json!({"spec": {"suspend": false}})).await;
    world.applied("web-app-production", &newest).await;
}

/// Waits until a token of `reconcile.fluxcd.io/requestedAt` is in the status, as `flux reconcile` does.
async fn handled(world: &World, kind: &str, name: &str, token: &str) {
    let at = (kind, world.namespace.as_str(), name);
    world.object("to handle the request", at, |it| it["status"]["lastHandledReconcileAt"] == token).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_answered_in_the_status() {
    let world = World::start().await;
    let (repository, revision) = example(&world).await;
    for _ in 0..3 {
        let token = world.request("GitRepository", repository.name()).await;
        handled(&world, "GitRepository", repository.name(), &token).await;
        let token = world.request("Kustomization", "web-app-production").await;
        handled(&world, "Kustomization", "web-app-production", &token).await;
        let object = world.applied("web-app-production", &revision).await;
        assert_eq!(condition(&object, "Healthy").0, "True");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_revision_ends_the_wait_for_the_old_one() {
    let world = World::start().await;
    if !world.is_embedded() {
        return println!("skipped: the simulator of the embedded control plane is told to stall");
    }
    let (repository, _) = example(&world).await;
    let stall = "    metadata:\n      annotations:\n        simulate.sluice.dev/outcome: stall\n";
    repository.edit("base/deployment.yaml", "    metadata:\n", stall);
    let broken = repository.commit("Never ready");
    world.fetch(&repository).await;
    eventually("the wait for the broken revision", Duration::from_secs(30), async || {
        let object = world.get_kustomization("web-app-production").await;
        let waits =
            condition(&object, "Reconciling").2.contains(&format!("Running health checks for revision {broken}"));
        if waits { Ok(()) } else { Err(object["status"].to_string()) }
    })
    .await;
    let start = Instant::now();
    let fixed = repository.revert();
    world.fetch(&repository).await;
    world.applied("web-app-production", &fixed).await;
    took("fix to ready", start);
}
