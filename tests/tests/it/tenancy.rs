//! What a tenant cannot do.

use serde_json::{Value, json};
use sluice_tests::{Setup, World, condition, eventually};

fn role(name: &str, namespace: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {name}, namespace: {namespace}}}\nrules: \
         [{{apiGroups: [\"\"], resources: [configmaps], verbs: [get]}}]\n"
    )
}

fn config_map(name: &str, namespace: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {{a: b}}\n")
}

/// A service account that may do anything with ConfigMaps of the namespace `tenant`, and nothing else.
async fn tenant(world: &World) {
    world.make_namespace("tenant").await;
    world.make_namespace("elsewhere").await;
    let ns = world.namespace.as_str();
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tenant", "namespace": ns}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
               "metadata": {"name": "tenant", "namespace": "tenant"},
               "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
               "metadata": {"name": "tenant", "namespace": "tenant"},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenant"},
               "subjects": [{"kind": "ServiceAccount", "name": "tenant", "namespace": ns}]}),
    ] {
        world.api.apply(&object).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kustomization_can_do_what_its_service_account_can() {
    let world = World::start().await;
    tenant(&world).await;
    let repository = world.repository("tenant");
    repository.write("good/map.yaml", &config_map("allowed", "tenant"));
    repository.write("other/map.yaml", &config_map("allowed", "tenant"));
    repository.write("other/elsewhere.yaml", &config_map("denied", "elsewhere"));
    repository.write("other/role.yaml", &role("escalation", "tenant"));
    let revision = repository.commit("Start");
    world.follow(&repository).await;
    let account = json!({"serviceAccountName": "tenant"});
    world.kustomization("good", &repository, "./good", account.clone()).await;
    let object = world.applied("good", &revision).await;
    assert_eq!(object["status"]["inventory"]["entries"][0]["id"], "tenant_allowed__ConfigMap");

    world.kustomization("other", &repository, "./other", account).await;
    let message = world.fails("other", "ReconciliationFailed").await;
    let user = format!("system:serviceaccount:{}:tenant", world.namespace);
    for part in ["ConfigMap/elsewhere/denied", "Role/tenant/escalation", "Forbidden", user.as_str()] {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
    assert_eq!(world.api.get("ConfigMap", "elsewhere", "denied").await, None);
    assert_eq!(world.api.get("Role", "tenant", "escalation").await, None);

    // The right is asked for at each use: what was granted works without a restart, what is revoked ends.
    world.api.delete("RoleBinding", "tenant", "tenant").await;
    world.api.patch("ConfigMap", "tenant", "allowed", json!({"data": {"a": "edited"}})).await;
    world.request("Kustomization", "good").await;
    let message = world.fails("good", "ReconciliationFailed").await;
    assert!(message.contains("Forbidden"), "{message}");
    tenant(&world).await;
    world.applied("good", &revision).await;
    world.object("to be as in Git", ("ConfigMap", "tenant", "allowed"), |it| it["data"]["a"] == "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn references_to_other_namespaces_can_be_blocked() {
    let world = World::with(Setup { kustomize_flags: &["--no-cross-namespace-refs"], ..Setup::default() }).await;
    tenant(&world).await;
    let repository = world.repository("tenant");
    repository.write("app/map.yaml", &config_map("allowed", "tenant"));
    let revision = repository.commit("Start");
    world.follow(&repository).await;
    world.kustomization("own", &repository, "./app", json!({})).await;
    world.applied("own", &revision).await;
    let source = json!({"kind": "GitRepository", "name": "tenant", "namespace": "elsewhere"});
    world.kustomization("across", &repository, "./app", json!({"sourceRef": source})).await;
    let message = world.fails("across", "AccessDenied").await;
    assert!(message.contains("cross-namespace references have been blocked"), "{message}");
    let object = world.get_kustomization("across").await;
    // Only another specification can help.
    assert_eq!(condition(&object, "Stalled").0, "True");
    assert_eq!(object["status"]["inventory"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_service_account_binds_those_that_name_none() {
    let world = World::with(Setup { kustomize_flags: &["--default-service-account=tenant"], ..Setup::default() }).await;
    tenant(&world).await;
    let repository = world.repository("tenant");
    repository.write("app/map.yaml", &config_map("allowed", "tenant"));
    repository.write("app/role.yaml", &role("escalation", "tenant"));
    repository.commit("Start");
    world.follow(&repository).await;
    world.kustomization("bound", &repository, "./app", json!({})).await;
    let message = world.fails("bound", "ReconciliationFailed").await;
    assert!(message.contains("Role/tenant/escalation"), "{message}");
    assert_eq!(world.api.get("Role", "tenant", "escalation").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inventory_that_lists_what_is_not_ours_deletes_nothing() {
    let world = World::start().await;
    tenant(&world).await;
    let repository = world.repository("tenant");
    repository.write("app/map.yaml", &config_map("allowed", "tenant"));
    let first = repository.commit("Start");
    world.follow(&repository).await;
    world.kustomization("own", &repository, "./app", json!({})).await;
    world.applied("own", &first).await;
    let other = config_map("bystander", "elsewhere");
    repository.write("elsewhere/map.yaml", &other);
    let second = repository.commit("A bystander");
    world.fetch(&repository).await;
    world.kustomization("bystander", &repository, "./elsewhere", json!({})).await;
    world.applied("bystander", &second).await;

    let forged = json!([
        {"id": "tenant_allowed__ConfigMap", "v": "v1"},
        {"id": "elsewhere_bystander__ConfigMap", "v": "v1"},
    ]);
    let path = format!("/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{}/kustomizations/own/status", world.namespace);
    let body = json!({"status": {"inventory": {"entries": forged}}});
    world.api.send("PATCH", &path, "application/merge-patch+json", &body).await.expect("an administrator may");
    world.request("Kustomization", "own").await;
    eventually("the forged entry to leave the inventory", sluice_tests::PATIENCE, async || {
        let inventory = sluice_tests::inventory(&world.get_kustomization("own").await["status"]);
        if inventory.len() == 1 { Ok(()) } else { Err(format!("{inventory:?}")) }
    })
    .await;
    assert!(world.api.get("ConfigMap", "elsewhere", "bystander").await.is_some(), "it is another's");
}
