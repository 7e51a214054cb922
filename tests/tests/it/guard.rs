//! What a revision may not do by accident, and what it need not do at all.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::{Setup, World, condition, inventory, stays};

fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: apps}}\ndata: {{value: {value}}}\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_prune_waits_to_be_approved() {
    let world = World::with(Setup { kustomize_flags: &["--prune-limit=2"], ..Setup::default() }).await;
    world.make_namespace("apps").await;
    let repository = world.repository("guarded");
    for index in 0..5 {
        repository.write(&format!("app/{index}.yaml"), &config_map(&format!("c{index}"), "one"));
    }
    let first = repository.commit("Five");
    world.follow(&repository).await;
    world.kustomization("guarded", &repository, "./app", json!({})).await;
    world.applied("guarded", &first).await;

    for index in 0..3 {
        repository.remove(&format!("app/{index}.yaml"));
    }
    repository.write("app/4.yaml", &config_map("c4", "two"));
    let large = repository.commit("Three less");
    world.fetch(&repository).await;
    let message = world.fails("guarded", "PruneApprovalRequired").await;
    for part in ["3 of 5", "ConfigMap/apps/c0", "ConfigMap/apps/c2", "sluice.dev/approve-prune", large.as_str()] {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
    stays("the state before the large prune", Duration::from_millis(700), async || {
        let all = world.labelled("guarded").await;
        let value = world.api.get("ConfigMap", "apps", "c4").await.map(|it| it["data"]["value"].clone());
        if all.len() == 5 && value == Some("one".into()) { Ok(()) } else { Err(format!("{all:?}, {value:?}")) }
    })
    .await;
    let object = world.get_kustomization("guarded").await;
    assert_eq!(inventory(&object["status"]).len(), 5);
    assert_eq!(object["status"]["lastAppliedRevision"], first.as_str());

    // An approval is for one revision; that of another approves nothing.
    world.api.annotate("Kustomization", &world.namespace, "guarded", "sluice.dev/approve-prune", &first).await;
    world.request("Kustomization", "guarded").await;
    world.fails("guarded", "PruneApprovalRequired").await;
    world.api.annotate("Kustomization", &world.namespace, "guarded", "sluice.dev/approve-prune", &large).await;
    let object = world.applied("guarded", &large).await;
    assert_eq!(inventory(&object["status"]).len(), 2);
    assert_eq!(world.labelled("guarded").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_prune_needs_no_approval_and_an_annotation_overrides_the_flag() {
    let world = World::with(Setup { kustomize_flags: &["--prune-limit=50%"], ..Setup::default() }).await;
    world.make_namespace("apps").await;
    let repository = world.repository("guarded");
    for index in 0..4 {
        repository.write(&format!("app/{index}.yaml"), &config_map(&format!("c{index}"), "one"));
    }
    let first = repository.commit("Four");
    world.follow(&repository).await;
    world.kustomization("guarded", &repository, "./app", json!({})).await;
    world.applied("guarded", &first).await;
    repository.remove("app/0.yaml");
    repository.remove("app/1.yaml");
    let half = repository.commit("Half of them");
    world.fetch(&repository).await;
    world.applied("guarded", &half).await;
    world.api.annotate("Kustomization", &world.namespace, "guarded", "sluice.dev/prune-limit", "0").await;
    repository.remove("app/2.yaml");
    let one = repository.commit("One less");
    world.fetch(&repository).await;
    let message = world.fails("guarded", "PruneApprovalRequired").await;
    assert!(message.contains(&one), "{message}");
    world.api.annotate("Kustomization", &world.namespace, "guarded", "sluice.dev/prune-limit", "1").await;
    world.applied("guarded", &one).await;
}

/// What apply touches: the versions of all objects of a Kustomization.
async fn versions(world: &World, names: &[&str]) -> Vec<Value> {
    let mut versions = Vec::new();
    for name in names {
        let object = world.api.get("ConfigMap", "apps", name).await.expect("it was applied");
        versions.push(object["metadata"]["resourceVersion"].clone());
    }
    versions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_changes_no_file_of_a_build_only_changes_the_status() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("monorepo");
    repository.write("base/base.yaml", &config_map("base", "one"));
    repository.write("base/kustomization.yaml", "resources: [base.yaml]\n");
    repository.write("app/own.yaml", &config_map("own", "one"));
    repository.write("app/kustomization.yaml", "resources: [own.yaml, ../base]\n");
    repository.write("other/readme.md", "one\n");
    let first = repository.commit("Start");
    world.follow(&repository).await;
    world.kustomization("app", &repository, "./app", json!({})).await;
    let before = world.applied("app", &first).await;
    let (objects, mark) = (versions(&world, &["base", "own"]).await, world.audit().map(|it| it.mark()));

    repository.write("other/readme.md", "two\n");
    repository.write("app-two/own.yaml", &config_map("else", "one"));
    let unrelated = repository.commit("An unrelated file");
    world.fetch(&repository).await;
    let after = world.applied("app", &unrelated).await;
    assert_eq!(versions(&world, &["base", "own"]).await, objects);
    assert_eq!(after["status"]["history"][0]["digest"], before["status"]["history"][0]["digest"]);
    assert_eq!(condition(&after, "Ready").2, format!("Applied revision: {unrelated}"));
    if let (Some(audit), Some(mark)) = (world.audit(), mark) {
        let calls = audit.calls("system:serviceaccount:flux-system:kustomize-controller", mark);
        let calls: Vec<_> = calls.iter().filter(|it| !it.is_event()).collect();
        let told: Vec<String> = calls.iter().map(ToString::to_string).collect();
        assert!(calls.len() == 1 && calls[0].uri.contains("/kustomizations/app/status"), "{told:#?}");
    }

    // A base is read too, and so is a file that was missing and now matters.
    repository.edit("base/base.yaml", "one", "two");
    let based = repository.commit("The base");
    world.fetch(&repository).await;
    world.applied("app", &based).await;
    let base = world.api.get("ConfigMap", "apps", "base").await.expect("it was applied");
    assert_eq!(base["data"]["value"], "two");
}
