//! Whose a field is: what `spec.ignore` leaves to others, what is taken over, what an object in Git cannot claim.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::{Repository, Setup, World, inventory, stays};

const DEPLOYMENT: (&str, &str, &str) = ("Deployment", "apps", "web");

fn write_deployment(repository: &Repository, image: &str) {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "apps"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
        },
    });
    repository.write("deploy/web.yaml", &deployment.to_string());
}

fn image(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]["containers"][0]["image"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_left_to_others_are_not_put_back() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("ignore");
    write_deployment(&repository, "web:1");
    let first = repository.commit("Two replicas");
    world.follow(&repository).await;
    let left = json!({"ignore": [{"paths": ["/spec/replicas"], "target": {"kind": "Deploy.*", "name": "web"}}]});
    world.kustomization("web", &repository, "./deploy", left).await;
    world.applied("web", &first).await;
    let made = world.object("to be made", DEPLOYMENT, |_| true).await;
    assert_eq!(made["spec"]["replicas"], 2, "what is not there yet is made as it is written");

    world.api.patch("Deployment", "apps", "web", json!({"spec": {"replicas": 5}})).await;
    stays("five replicas", Duration::from_millis(1500), async || {
        let live = world.api.get("Deployment", "apps", "web").await.ok_or("it is gone")?;
        if live["spec"]["replicas"] == 5 { Ok(()) } else { Err(live["spec"]["replicas"].to_string()) }
    })
    .await;

    // An apply for another reason keeps them too, and drift elsewhere is still put back.
    write_deployment(&repository, "web:2");
    let second = repository.commit("A new image");
    world.fetch(&repository).await;
    world.applied("web", &second).await;
    let live = world.object("to have the new image", DEPLOYMENT, |it| image(it) == "web:2").await;
    assert_eq!(live["spec"]["replicas"], 5);
    world.api.patch("Deployment", "apps", "web", json!({"spec": {"replicas": 6, "revisionHistoryLimit": 3}})).await;
    let drifted = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:drift"}]}}}});
    world.api.patch("Deployment", "apps", "web", drifted).await;
    let live = world.object("to have its image back", DEPLOYMENT, |it| image(it) == "web:2").await;
    assert_eq!(live["spec"]["replicas"], 6);

    // Without the rule it is drift like any other.
    let ns = world.namespace.as_str();
    world.api.patch("Kustomization", ns, "web", json!({"spec": {"ignore": []}})).await;
    world.object("to have two replicas again", DEPLOYMENT, |it| it["spec"]["replicas"] == 2).await;
    world.api.patch("Kustomization", ns, "web", json!({"spec": {"ignore": [{"paths": ["spec.replicas"]}]}})).await;
    let message = world.fails("web", "ReconciliationFailed").await;
    assert!(message.contains("spec.ignore[0].paths[0]"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_of_overridden_managers_are_taken_over() {
    let flags = ["--override-manager=e2e"];
    let world = World::with(Setup { kustomize_flags: &flags, ..Setup::default() }).await;
    world.make_namespace("apps").await;
    let config = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "apps"}, "data": data});
    // The manager that these tests apply with.
    world.api.apply(&config(json!({"kept": "1", "gone": "1"}))).await;
    let repository = world.repository("override");
    repository.write("deploy/c.yaml", &config(json!({"kept": "2"})).to_string());
    let revision = repository.commit("One key");
    world.follow(&repository).await;
    world.kustomization("c", &repository, "./deploy", json!({})).await;
    world.applied("c", &revision).await;
    let live = world.object("to be ours", ("ConfigMap", "apps", "c"), |it| it["data"]["kept"] == "2").await;
    assert_eq!(live["data"], json!({"kept": "2"}));
    let managers: Vec<_> =
        live["metadata"]["managedFields"].as_array().unwrap().iter().map(|it| &it["manager"]).collect();
    assert_eq!(managers, ["kustomize-controller"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_cannot_claim_what_is_the_server_s() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("claims");
    let claims = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "c", "namespace": "apps", "uid": "11111111-1111-1111-1111-111111111111", "resourceVersion": "1",
        "generation": 7, "creationTimestamp": "2001-01-01T00:00:00Z", "deletionTimestamp": "2001-01-01T00:00:00Z",
        // The garbage collector would delete what names an owner that is not there.
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "22222222-2222-2222-2222-222222222222"}],
        "managedFields": [{"manager": "kubectl", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
                           "fieldsV1": {"f:data": {}}}],
    }});
    repository.write("deploy/c.yaml", &claims.to_string());
    let revision = repository.commit("Claims");
    world.follow(&repository).await;
    world.kustomization("c", &repository, "./deploy", json!({})).await;
    let applied = world.applied("c", &revision).await;
    assert_eq!(inventory(&applied["status"]).len(), 1);
    let live = world.object("to be there", ("ConfigMap", "apps", "c"), |_| true).await;
    let metadata = &live["metadata"];
    assert_ne!(metadata["uid"], claims["metadata"]["uid"]);
    assert_eq!(metadata["deletionTimestamp"], Value::Null);
    assert_eq!(metadata["ownerReferences"], Value::Null);
    assert!(!metadata["creationTimestamp"].as_str().unwrap_or_default().starts_with("2001"));
}
