//! Secrets that Providers and Receivers name: read when they have changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Secret as Object;
use kube::api::ApiResource;
use kube::{Api, Client};
use sluice_http::Secret;
use sluice_runtime::{GroupKind, Key, MetadataIndex};
use tokio_util::sync::CancellationToken;

use crate::exchange::Failure;

/// What a Secret holds, as text that does not print.
pub type Data = Arc<BTreeMap<String, Secret>>;

/// Secrets kept in memory, each until it changes.
const KEPT: usize = 4096;

/// Secrets by key. One is not read again until its version is another.
pub struct Secrets {
    client: Client,
    /// The versions of all Secrets.
    pub index: MetadataIndex<()>,
    read: Mutex<HashMap<Key, (String, Data)>>,
}

impl Secrets {
    /// Nothing read yet.
    pub fn new(client: Client, stop: CancellationToken) -> Self {
        Secrets { index: MetadataIndex::new(client.clone(), stop), client, read: Mutex::default() }
    }

    /// A Secret; none when it is not there.
    ///
    /// # Errors
    /// As the API server says, or when a key is no text.
    pub async fn get(&self, key: &Key) -> Result<Option<Data>, String> {
        let version = self.version(key).await;
        if let Some(version) = &version
            && let Some((known, data)) = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(key)
            && known == version
        {
            return Ok(Some(data.clone()));
        }
        let api: Api<Object> = Api::namespaced(self.client.clone(), &key.namespace);
        let Some(secret) = api.get_opt(&key.name).await.map_err(|error| error.to_string())? else { return Ok(None) };
        let text = |(key, value): (String, k8s_openapi::ByteString)| match String::from_utf8(value.0) {
            Ok(value) => Ok((key, value.into())),
            Err(_) => Err(format!("key `{key}` is no text")),
        };
        let version = secret.metadata.resource_version.clone();
        let data: Result<BTreeMap<String, Secret>, String> =
            secret.data.unwrap_or_default().into_iter().map(text).collect();
        let data = Arc::new(data?);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= KEPT {
            read.clear();
        }
        if let Some(version) = version {
            read.insert(key.clone(), (version, data.clone()));
        }
        Ok(Some(data))
    }

    /// The version as watched; `None` when it is not there, or Secrets cannot be watched.
    async fn version(&self, key: &Key) -> Option<String> {
        let resource = ApiResource::erase::<Object>(&());
        self.index.watch(&resource).await.ok()?;
        self.index.get(&GroupKind::of(&resource), key).map(|it| it.resource_version.to_string())
    }

    /// A Secret that a Provider names in `field`.
    ///
    /// # Errors
    /// When it is not there, which is the Provider's fault, or cannot be read, which may pass.
    pub async fn read(&self, namespace: &str, name: &str, field: &str) -> Result<Data, Failure> {
        let failed = |why: &str| Failure::setup(format!("{field}: Secret '{namespace}/{name}': {why}"));
        let found = self.get(&Key::new(namespace, name)).await.map_err(|why| failed(&why).soon())?;
        found.ok_or_else(|| failed("not found; create it"))
    }
}
