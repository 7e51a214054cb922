//! What a cluster can do, asked for at most once in a while.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use http::Request;
use kube::Client;
use serde_json::Value;
use sluice_helm::{Capabilities, KubeVersion};
use tokio::sync::Mutex;

use crate::error::text;

/// How long an answer holds: a kind that another release brings is seen soon, and a hundred releases ask once.
const FRESH: Duration = Duration::from_secs(30);
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// The last answer of one cluster.
#[derive(Default)]
pub struct CapabilityCache(Mutex<Option<(Instant, Capabilities)>>);

impl CapabilityCache {
    /// The cluster's capabilities.
    ///
    /// # Errors
    /// When the API server cannot be asked.
    pub async fn get(&self, client: &Client) -> Result<Capabilities, String> {
        let mut last = self.0.lock().await;
        if let Some((when, known)) = &*last
            && when.elapsed() < FRESH
        {
            return Ok(known.clone());
        }
        let failed = |error: kube::Error| format!("could not get Kubernetes capabilities: {}", text(&error));
        let found = ask(client).await.map_err(failed)?;
        *last = Some((Instant::now(), found.clone()));
        Ok(found)
    }

    /// Forgets the answer: definitions were just created.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

async fn ask(client: &Client) -> Result<Capabilities, kube::Error> {
    let version = client.apiserver_version().await?;
    let kube_version = KubeVersion::parse(&version.git_version).unwrap_or_else(|_| KubeVersion {
        version: version.git_version.clone(),
        normalized: format!("v{}.{}.0", version.major, version.minor),
        major: version.major.clone(),
        minor: version.minor.clone(),
    });
    let mut api_versions = BTreeSet::new();
    for root in ["/api", "/apis"] {
        let request = Request::get(root).header(http::header::ACCEPT, AGGREGATED).body(Vec::new());
        let answer: Value = client.request(request.map_err(kube::Error::HttpError)?).await?;
        match answer.get("items").and_then(Value::as_array) {
            Some(groups) => groups.iter().for_each(|group| aggregated(group, &mut api_versions)),
            // A server before 1.27: groups without their kinds, which are asked for one by one.
            None => plain(client, root, &answer, &mut api_versions).await?,
        }
    }
    Ok(Capabilities { kube_version, api_versions: api_versions.into_iter().collect() })
}

fn aggregated(group: &Value, found: &mut BTreeSet<String>) {
    let name = group.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    for version in group.get("versions").and_then(Value::as_array).into_iter().flatten() {
        let version_name = version.get("version").and_then(Value::as_str).unwrap_or_default();
        let api_version = if name.is_empty() { version_name.to_owned() } else { format!("{name}/{version_name}") };
        for resource in version.get("resources").and_then(Value::as_array).into_iter().flatten() {
            if let Some(kind) = resource.pointer("/responseKind/kind").and_then(Value::as_str) {
                found.insert(format!("{api_version}/{kind}"));
            }
        }
        found.insert(api_version);
    }
}

async fn plain(client: &Client, root: &str, answer: &Value, found: &mut BTreeSet<String>) -> Result<(), kube::Error> {
    let mut versions: Vec<String> = Vec::new();
    if root == "/api" {
        let all = answer.get("versions").and_then(Value::as_array).into_iter().flatten();
        versions.extend(all.filter_map(Value::as_str).map(str::to_owned));
    }
    for group in answer.get("groups").and_then(Value::as_array).into_iter().flatten() {
        let all = group.get("versions").and_then(Value::as_array).into_iter().flatten();
        versions.extend(all.filter_map(|it| it.get("groupVersion")?.as_str()).map(str::to_owned));
    }
    for version in versions {
        let resources = match version.contains('/') {
            true => client.list_api_group_resources(&version).await,
            false => client.list_core_api_resources(&version).await,
        };
        // A group whose own server is away does not stop the others; Helm goes on too.
        if let Ok(resources) = resources {
            found.extend(resources.resources.iter().map(|it| format!("{version}/{}", it.kind)));
        }
        found.insert(version);
    }
    Ok(())
}
