//! Objects of the kinds that events and webhooks are about, by their metadata alone.

use http::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_runtime::REQUESTED_AT;

/// Reads and asks for reconciles.
pub struct Objects(Client);

/// An object.
#[derive(Clone, Debug, Deserialize)]
pub struct Found {
    /// Its metadata.
    pub metadata: ObjectMeta,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Value>,
}

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// The plural of a kind of Flux's.
fn plural(kind: &str) -> Option<String> {
    match kind {
        "ImagePolicy" => Some("imagepolicies".to_owned()),
        "GitRepository" | "HelmRepository" | "OCIRepository" | "ImageRepository" => {
            Some(format!("{}ies", kind.to_lowercase().trim_end_matches('y')))
        }
        "Bucket"
        | "Kustomization"
        | "HelmRelease"
        | "HelmChart"
        | "ImageUpdateAutomation"
        | "ArtifactGenerator"
        | "ExternalArtifact" => Some(format!("{}s", kind.to_lowercase())),
        _ => None,
    }
}

/// Names of the API have no character that means something in a path.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    !text.is_empty() && text.len() <= 253 && text.chars().all(plain) && !matches!(text, "." | "..")
}

fn path(api_version: &str, kind: &str, namespace: &str) -> Option<String> {
    let (group, version) = api_version.split_once('/')?;
    let plural = plural(kind)?;
    (is_name(group) && is_name(version) && is_name(namespace))
        .then(|| format!("/apis/{group}/{version}/namespaces/{namespace}/{plural}"))
}

impl Objects {
    /// Asks the API server with this client.
    pub fn new(client: Client) -> Objects {
        Objects(client)
    }

    /// An object's metadata; none when it is not there, or is of no kind that events are about.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Found>, kube::Error> {
        let Some(value) = self.value(api_version, kind, namespace, name).await? else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(kube::Error::SerdeError)
    }

    /// The same as JSON, as filters see it.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn value(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, kube::Error> {
        self.read(api_version, kind, namespace, name, METADATA).await
    }

    /// The same with specification and status.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn whole(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, kube::Error> {
        self.read(api_version, kind, namespace, name, "application/json").await
    }

    async fn read(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
        accept: &str,
    ) -> Result<Option<Value>, kube::Error> {
        let Some(path) = path(api_version, kind, namespace).filter(|_| is_name(name)) else { return Ok(None) };
        let request = Request::get(format!("{path}/{name}")).header("accept", accept).body(Vec::new());
        match self.0.request::<Value>(request.map_err(kube::Error::HttpError)?).await {
            Ok(value) => Ok(Some(named(value, api_version, kind))),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a namespace that have labels.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        labels: &[(&str, &str)],
    ) -> Result<Vec<Value>, kube::Error> {
        let Some(path) = path(api_version, kind, namespace) else { return Ok(Vec::new()) };
        let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let selector = selector.join(",");
        let selector = percent_encoding::utf8_percent_encode(&selector, percent_encoding::NON_ALPHANUMERIC);
        let request = Request::get(format!("{path}?labelSelector={selector}")).header("accept", METADATA_LIST);
        let list: List = self.0.request(request.body(Vec::new()).map_err(kube::Error::HttpError)?).await?;
        Ok(list.items.into_iter().map(|it| named(it, api_version, kind)).collect())
    }

    /// Asks for a reconcile.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn request_reconcile(&self, object: &Value, at: &str) -> Result<(), kube::Error> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let meta = &object["metadata"];
        let path = path(&text(&object["apiVersion"]), &text(&object["kind"]), &text(&meta["namespace"]));
        let Some(path) = path else { return Ok(()) };
        let body = json!({"metadata": {"annotations": {REQUESTED_AT: at}}});
        let request = Request::patch(format!("{path}/{}?fieldManager=notification-controller", text(&meta["name"])))
            .header("content-type", "application/merge-patch+json")
            .header("accept", METADATA)
            .body(body.to_string().into_bytes());
        self.0.request::<Value>(request.map_err(kube::Error::HttpError)?).await.map(drop)
    }
}

/// What a server gives as metadata says of itself what it was asked for.
fn named(mut value: Value, api_version: &str, kind: &str) -> Value {
    value["apiVersion"] = api_version.into();
    value["kind"] = kind.into();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_plural() {
        for (kind, want) in [
            ("GitRepository", "gitrepositories"),
            ("OCIRepository", "ocirepositories"),
            ("ImagePolicy", "imagepolicies"),
            ("HelmRelease", "helmreleases"),
            ("Bucket", "buckets"),
        ] {
            assert_eq!(plural(kind).unwrap(), want);
        }
        assert!(sluice_api::notification::EventKind::WORDS.iter().all(|kind| plural(kind).is_some()));
    }

    #[test]
    fn nothing_leaves_its_path() {
        assert_eq!(path("a.b/v1", "Bucket", "ns").unwrap(), "/apis/a.b/v1/namespaces/ns/buckets");
        for namespace in ["", "..", "a/b", "a?b", "a%2fb"] {
            assert!(path("a.b/v1", "Bucket", namespace).is_none(), "{namespace}");
        }
        assert!(path("v1", "Bucket", "ns").is_none() && path("a/b/c", "Bucket", "ns").is_none());
    }
}
