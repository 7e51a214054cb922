//! Secrets that objects name: read when they have changed, watched to wake who names them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use kube::api::ApiResource;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::{GroupKind, Key, MetadataIndex};

/// What a Secret holds, as text. Never to be printed.
pub type SecretData = BTreeMap<String, String>;

/// Secrets kept in memory, each until it changes.
const KEPT: usize = 4096;

/// Secrets by key. One is not read again until its version is another.
pub struct Secrets {
    client: Client,
    /// The versions of all Secrets.
    pub index: MetadataIndex<()>,
    read: Mutex<HashMap<Key, (String, Arc<SecretData>)>>,
}

impl Secrets {
    /// Nothing read yet.
    #[must_use]
    pub fn new(client: Client, stop: CancellationToken) -> Self {
        Secrets { index: MetadataIndex::new(client.clone(), stop), client, read: Mutex::default() }
    }

    /// A Secret; none when it is not there.
    ///
    /// # Errors
    /// As the API server says, or when a key is no text.
    pub async fn get(&self, key: &Key) -> Result<Option<Arc<SecretData>>, String> {
        let version = self.version(key).await;
        if let Some(version) = &version {
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((known, data)) = read.get(key)
                && known == version
            {
                return Ok(Some(Arc::clone(data)));
            }
        }
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &key.namespace);
        let Some(secret) = api.get_opt(&key.name).await.map_err(|error| error.to_string())? else { return Ok(None) };
        let text = |(key, value): (String, k8s_openapi::ByteString)| match String::from_utf8(value.0) {
            Ok(value) => Ok((key, value)),
            Err(_) => Err(format!("key `{key}` is no text")),
        };
        let version = secret.metadata.resource_version.clone();
        let data: Result<SecretData, String> = secret.data.unwrap_or_default().into_iter().map(text).collect();
        let data = Arc::new(data?);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= KEPT {
            read.clear();
        }
        if let Some(version) = version {
            read.insert(key.clone(), (version, Arc::clone(&data)));
        }
        Ok(Some(data))
    }

    /// The version as watched; `None` when it is not there, or Secrets cannot be watched.
    async fn version(&self, key: &Key) -> Option<String> {
        let resource = ApiResource::erase::<Secret>(&());
        self.index.watch(&resource).await.ok()?;
        self.index.get(&GroupKind::of(&resource), key).map(|it| it.resource_version.to_string())
    }

    /// Drops what is no longer so.
    pub fn forget(&self, key: &Key) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
