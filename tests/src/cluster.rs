//! What scenarios need of any control plane: our kinds, the rights of the controllers, an empty stage.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::Api;
use crate::wait::{PATIENCE, eventually};
use crate::world::workspace_root;

/// Namespaces that scenarios make by way of a Kustomization, or on their own. On a cluster that is not the embedded one
/// they are deleted before each scenario: it has to be a cluster for tests.
const STAGE: &[&str] = &["production", "staging", "apps", "tenant", "elsewhere"];

/// Installs the CRDs and what `config/rbac` grants, and waits until the kinds are served.
pub(crate) async fn install(api: &Api) {
    for crd in sluice_api::crds() {
        let crd = serde_json::to_value(&crd).expect("a CRD is JSON");
        api.apply(&crd).await;
    }
    let rbac = workspace_root().join("config/rbac");
    let disk = sluice_kustomize::Disk::new(workspace_root()).expect("the workspace is there");
    let options = sluice_kustomize::Options::default();
    let built = sluice_kustomize::build(&disk, "config/rbac", &options);
    for object in built.unwrap_or_else(|errors| panic!("{}: {errors}", rbac.display())).objects {
        api.apply(&object).await;
    }
    eventually("the CRDs to be established", PATIENCE, async || {
        let all = api.list("CustomResourceDefinition", "").await;
        let established = |crd: &&Value| crate::api::condition(crd, "Established").0 != "True";
        match all.iter().find(established) {
            None => Ok(()),
            Some(crd) => Err(format!("{} is not", crd["metadata"]["name"])),
        }
    })
    .await;
}

/// Makes a namespace.
pub(crate) async fn namespace(api: &Api, name: &str) {
    api.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await;
}

/// What controllers put finalizers on, and what names it before it.
const SWEPT: [&str; 7] =
    ["Kustomization", "HelmRelease", "Receiver", "HelmChart", "HelmRepository", "OCIRepository", "GitRepository"];

/// Removes what an earlier scenario left on a cluster that outlives them.
pub(crate) async fn sweep(api: &Api, own: &str) {
    let everything = STAGE.iter().chain([&own]);
    for namespace in everything.clone() {
        for kind in SWEPT {
            for object in api.list(kind, namespace).await {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                // No controller is there to do it.
                let _ = api.try_patch(kind, namespace, name, &json!({"metadata": {"finalizers": null}})).await;
                api.delete(kind, namespace, name).await;
            }
        }
        api.delete("Namespace", "", namespace).await;
    }
    for namespace in everything {
        eventually(format!("namespace {namespace} to be gone"), Duration::from_secs(120), async || {
            api.get("Namespace", "", namespace).await.map_or(Ok(()), |it| Err(it["status"].to_string()))
        })
        .await;
    }
}
