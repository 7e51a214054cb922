//! The API as plain JSON: what a scenario reads and writes.

use http::Request;
use kube::Client;
use serde_json::{Value, json};

/// A client that knows the kinds scenarios use by name.
#[derive(Clone)]
pub struct Api(pub(crate) Client);

/// Kind, group and version, plural, and whether it lives in a namespace.
const KINDS: &[(&str, &str, &str, bool)] = &[
    ("GitRepository", "source.toolkit.fluxcd.io/v1", "gitrepositories", true),
    ("OCIRepository", "source.toolkit.fluxcd.io/v1", "ocirepositories", true),
    ("HelmRepository", "source.toolkit.fluxcd.io/v1", "helmrepositories", true),
    ("HelmChart", "source.toolkit.fluxcd.io/v1", "helmcharts", true),
    ("ExternalArtifact", "source.toolkit.fluxcd.io/v1", "externalartifacts", true),
    ("HelmRelease", "helm.toolkit.fluxcd.io/v2", "helmreleases", true),
    ("Kustomization", "kustomize.toolkit.fluxcd.io/v1", "kustomizations", true),
    ("Alert", "notification.toolkit.fluxcd.io/v1beta3", "alerts", true),
    ("Provider", "notification.toolkit.fluxcd.io/v1beta3", "providers", true),
    ("Receiver", "notification.toolkit.fluxcd.io/v1", "receivers", true),
    ("ImageRepository", "image.toolkit.fluxcd.io/v1", "imagerepositories", true),
    ("ImagePolicy", "image.toolkit.fluxcd.io/v1", "imagepolicies", true),
    ("ImageUpdateAutomation", "image.toolkit.fluxcd.io/v1", "imageupdateautomations", true),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1", "customresourcedefinitions", false),
    ("Namespace", "v1", "namespaces", false),
    ("ConfigMap", "v1", "configmaps", true),
    ("Secret", "v1", "secrets", true),
    ("Service", "v1", "services", true),
    ("ServiceAccount", "v1", "serviceaccounts", true),
    ("Event", "v1", "events", true),
    ("Deployment", "apps/v1", "deployments", true),
    ("Job", "batch/v1", "jobs", true),
    ("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", true),
    ("Role", "rbac.authorization.k8s.io/v1", "roles", true),
    ("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings", true),
    ("ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles", false),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", "clusterrolebindings", false),
];

/// The path of a collection.
fn collection(kind: &str, namespace: &str) -> String {
    let known = KINDS.iter().find(|it| it.0 == kind);
    let (_, version, plural, namespaced) = known.unwrap_or_else(|| panic!("add {kind} to the kinds of the harness"));
    let root = if version.contains('/') { "apis" } else { "api" };
    match (*namespaced, namespace) {
        (true, namespace) if !namespace.is_empty() => format!("/{root}/{version}/namespaces/{namespace}/{plural}"),
        _ => format!("/{root}/{version}/{plural}"),
    }
}

fn path(kind: &str, namespace: &str, name: &str) -> String {
    format!("{}/{name}", collection(kind, namespace))
}

impl Api {
    /// Sends a request; the error is `CODE REASON: message`.
    ///
    /// # Errors
    /// What the server says, or why it could not be asked.
    pub async fn send(&self, method: &str, path: &str, media: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(path).header("content-type", media).body(body);
        let request = request.map_err(|error| error.to_string())?;
        self.0.request(request).await.map_err(|error| match error {
            kube::Error::Api(status) => format!("{} {}: {}", status.code, status.reason, status.message),
            other => other.to_string(),
        })
    }

    /// One object, if it is there.
    ///
    /// # Panics
    /// When the server cannot be asked.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        match self.send("GET", &path(kind, namespace, name), "application/json", &Value::Null).await {
            Ok(object) => Some(object),
            Err(error) if error.starts_with("404") => None,
            Err(error) => panic!("get {kind} {namespace}/{name}: {error}"),
        }
    }

    /// All objects of a kind; of all namespaces when the namespace is empty.
    ///
    /// # Panics
    /// When the server cannot be asked.
    pub async fn list(&self, kind: &str, namespace: &str) -> Vec<Value> {
        let listed = self.send("GET", &collection(kind, namespace), "application/json", &Value::Null).await;
        let mut listed = listed.unwrap_or_else(|error| panic!("list {kind} in {namespace}: {error}"));
        match listed["items"].take() {
            Value::Array(items) => items,
            other => panic!("list {kind}: items are {other}"),
        }
    }

    /// Creates an object, or makes it as told.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn apply(&self, object: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, meta) = (text(&object["kind"]), &object["metadata"]);
        let path = path(&kind, &text(&meta["namespace"]), &text(&meta["name"]));
        let query = format!("{path}?fieldManager=e2e&force=true");
        let applied = self.send("PATCH", &query, "application/apply-patch+yaml", object).await;
        applied.unwrap_or_else(|error| panic!("apply {kind} {}: {error}", meta["name"]))
    }

    /// Merges a patch.
    ///
    /// # Errors
    /// What the server says.
    pub async fn try_patch(&self, kind: &str, namespace: &str, name: &str, patch: &Value) -> Result<Value, String> {
        let path = format!("{}?fieldManager=somebody", path(kind, namespace, name));
        self.send("PATCH", &path, "application/merge-patch+json", patch).await
    }

    /// Merges a patch, as an administrator named `somebody` would.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn patch(&self, kind: &str, namespace: &str, name: &str, patch: Value) -> Value {
        let patched = self.try_patch(kind, namespace, name, &patch).await;
        patched.unwrap_or_else(|error| panic!("patch {kind} {namespace}/{name}: {error}"))
    }

    /// Merges a patch into the status, as its controller would.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn patch_status(&self, kind: &str, namespace: &str, name: &str, status: Value) {
        let path = format!("{}/status", path(kind, namespace, name));
        let patched = self.send("PATCH", &path, "application/merge-patch+json", &json!({"status": status})).await;
        patched.unwrap_or_else(|error| panic!("patch the status of {kind} {namespace}/{name}: {error}"));
    }

    /// Sets an annotation.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn annotate(&self, kind: &str, namespace: &str, name: &str, key: &str, value: &str) {
        self.patch(kind, namespace, name, json!({"metadata": {"annotations": {key: value}}})).await;
    }

    /// Deletes an object; one that is not there is no matter.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn delete(&self, kind: &str, namespace: &str, name: &str) {
        let options = json!({"propagationPolicy": "Background"});
        match self.send("DELETE", &path(kind, namespace, name), "application/json", &options).await {
            Ok(_) => {}
            Err(error) if error.starts_with("404") => {}
            Err(error) => panic!("delete {kind} {namespace}/{name}: {error}"),
        }
    }
}

/// A condition of an object, as (status, reason, message); empty where it has none.
#[must_use]
pub fn condition(object: &Value, kind: &str) -> (String, String, String) {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.into_iter().find(|it| it["type"] == kind);
    let text = |key: &str| found.and_then(|it| it[key].as_str()).unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}
