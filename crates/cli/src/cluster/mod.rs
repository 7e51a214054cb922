//! A cluster to talk to: flags as kubectl's, plain JSON objects.

mod flags;
mod resources;

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use futures::stream::Stream;
use http::Request;
use kube::api::WatchEvent;
use serde_json::Value;

pub use flags::{DEFAULT_NAMESPACE, KubeFlags};

/// The field manager of what this command writes (spec/flux/cli.md §1).
pub const MANAGER: &str = "flux";

/// An API server, and the namespace that commands are about.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    resources: Arc<resources::Resources>,
    /// From `-n`, the environment or the context.
    pub namespace: String,
}

/// How an object is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For good.
    Write,
    /// Only as if.
    DryRun,
}

impl Cluster {
    /// Connects as the flags say.
    ///
    /// # Errors
    /// When there is no usable kubeconfig, or the namespace is no name.
    pub async fn connect(flags: &KubeFlags) -> anyhow::Result<Self> {
        let (config, namespace) = flags.config().await?;
        Self::of_config(config, &namespace)
    }

    /// A cluster whose address and credentials are known.
    ///
    /// # Errors
    /// When the credentials cannot be used.
    pub fn of_config(config: kube::Config, namespace: &str) -> anyhow::Result<Self> {
        let client = kube::Client::try_from(config).context("setting up the API client")?;
        Ok(Self { client, resources: Arc::default(), namespace: namespace.to_owned() })
    }

    async fn send(&self, request: http::request::Builder, body: Vec<u8>) -> anyhow::Result<Value> {
        let request = request.body(body).context("making the request")?;
        self.client.request(request).await.map_err(readable)
    }

    /// An object or list; `None` when there is none.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let request = Request::get(path).body(Vec::new()).context("making the request")?;
        match self.client.request(request).await {
            Ok(value) => Ok(Some(value)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(readable(error)),
        }
    }

    /// The items of a collection, page after page, and the version that they show; none when the kind is not served.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn list(&self, path: &str, query: &str) -> anyhow::Result<(Vec<Value>, String)> {
        let (mut items, mut proceed) = (Vec::new(), String::new());
        loop {
            let page = format!("{path}?limit=500{query}{proceed}");
            let Some(mut list) = self.get(&page).await? else { return Ok((items, String::new())) };
            if let Some(Value::Array(page)) = list.get_mut("items").map(Value::take) {
                items.extend(page);
            }
            match list.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => proceed = format!("&continue={}", encode(token)),
                _ => {
                    let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                    return Ok((items, version.unwrap_or_default().to_owned()));
                }
            }
        }
    }

    /// What happens in a collection after a version.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn watch(
        &self,
        path: &str,
        query: &str,
        version: &str,
    ) -> anyhow::Result<impl Stream<Item = Result<WatchEvent<Value>, kube::Error>> + use<>> {
        let url = format!("{path}?watch=1&allowWatchBookmarks=true&resourceVersion={version}{query}");
        let request = Request::get(url).body(Vec::new()).context("making the request")?;
        self.client.request_events(request).await.map_err(readable)
    }

    /// Creates an object.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn create(&self, collection: &str, object: &Value) -> anyhow::Result<Value> {
        let request = Request::post(format!("{collection}?fieldManager={MANAGER}"));
        self.send(request.header("Content-Type", "application/json"), object.to_string().into_bytes()).await
    }

    /// Replaces an object.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn replace(&self, path: &str, object: &Value) -> anyhow::Result<Value> {
        let request = Request::put(format!("{path}?fieldManager={MANAGER}"));
        self.send(request.header("Content-Type", "application/json"), object.to_string().into_bytes()).await
    }

    /// Merges a patch into an object.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn merge(&self, path: &str, patch: &Value, manager: &str) -> anyhow::Result<Value> {
        let request = Request::patch(format!("{path}?fieldManager={manager}"));
        self.send(request.header("Content-Type", "application/merge-patch+json"), patch.to_string().into_bytes()).await
    }

    /// Applies an object, taking over the fields of others.
    ///
    /// # Errors
    /// As the API server says, or when it does not know the kind.
    pub async fn apply(&self, object: &Value, manager: &str, mode: Mode) -> anyhow::Result<Value> {
        let path = self.path_of(object).await?;
        let dry = if mode == Mode::DryRun { "&dryRun=All" } else { "" };
        let request = Request::patch(format!("{path}?fieldManager={manager}&force=true{dry}"));
        self.send(request.header("Content-Type", "application/apply-patch+yaml"), object.to_string().into_bytes()).await
    }

    /// Deletes an object; it may be gone already.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let body = br#"{"propagationPolicy":"Background"}"#.to_vec();
        let request = Request::delete(path).header("Content-Type", "application/json").body(body);
        match self.client.request::<Value>(request.context("making the request")?).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(readable(error)),
        }
    }

    /// The version of the server.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn server_version(&self) -> anyhow::Result<String> {
        let version = self.get("/version").await?.context("the server does not tell its version")?;
        Ok(version["gitVersion"].as_str().unwrap_or_default().to_owned())
    }

    /// The live object of the same kind, namespace and name.
    ///
    /// # Errors
    /// As the API server says, or when it does not know the kind.
    pub async fn live(&self, object: &Value) -> anyhow::Result<Option<Value>> {
        self.get(&self.path_of(object).await?).await
    }

    /// Where an object is served.
    ///
    /// # Errors
    /// When it has no name, or the server does not know its kind.
    pub async fn path_of(&self, object: &Value) -> anyhow::Result<String> {
        let reference = sluice_object::ObjectRef::of(object)?;
        self.path_of_ref(&reference).await
    }

    /// Where an object is served.
    ///
    /// # Errors
    /// When the server does not know its kind.
    pub async fn path_of_ref(&self, reference: &sluice_object::ObjectRef) -> anyhow::Result<String> {
        let resource = self.resource(&reference.gvk).await?;
        let Some(resource) = resource else { bail!("the server has no kind `{}`", reference.gvk) };
        let namespace = match (resource.namespaced, reference.namespace.as_str()) {
            (false, _) => "",
            (true, "") => "default",
            (true, namespace) => namespace,
        };
        Ok(item(&reference.gvk.api_version(), &resource.plural, namespace, &reference.name))
    }
}

/// The path of the objects of a kind in a namespace; in all when it is empty.
pub fn collection(api_version: &str, plural: &str, namespace: &str) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    if namespace.is_empty() {
        return format!("/{root}/{api_version}/{plural}");
    }
    format!("/{root}/{api_version}/namespaces/{}/{plural}", encode(namespace))
}

/// The path of one object.
pub fn item(api_version: &str, plural: &str, namespace: &str, name: &str) -> String {
    format!("{}/{}", collection(api_version, plural, namespace), encode(name))
}

/// A text as part of a path or query: a name typed by somebody must not become another path.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => encoded.push(byte.into()),
            b'.' | b':' if text != "." && text != ".." => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// What the server said, without the machinery around it.
fn readable(error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => anyhow!("{}", status.message),
        kube::Error::Api(status) => anyhow!("the API server answered {}", status.code),
        kube::Error::Service(error) => anyhow!("the API server cannot be reached: {}", chain(error.as_ref())),
        error => error.into(),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_another_path() {
        assert_eq!(item("v1", "secrets", "a", "../b?x"), "/api/v1/namespaces/a/secrets/..%2Fb%3Fx");
        assert_eq!(item("apps/v1", "deployments", "", ".."), "/apis/apps/v1/deployments/%2E%2E");
        assert_eq!(collection("v1", "pods", ""), "/api/v1/pods");
        assert_eq!(encode("system:controller.x"), "system:controller.x");
    }
}
