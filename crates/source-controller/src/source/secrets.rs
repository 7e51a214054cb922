//! Secrets that sources name: read when they have changed, watched to wake who names them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use kube::api::ApiResource;
use kube::{Api, Client};
use sluice_http::{ClientCertificate, Proxy, Tls};
use sluice_runtime::{GroupKind, Key, MetadataIndex};
use tokio_util::sync::CancellationToken;

use super::Source;
use super::failure::{Aspect, Failure};
use crate::context::Context;

/// What a Secret holds, as text.
pub type Data = BTreeMap<String, String>;

/// Secrets kept in memory, each until it changes.
const KEPT: usize = 4096;

/// Secrets by key. One is not read again until its version is another.
pub struct Secrets {
    client: Client,
    /// The versions of all Secrets.
    pub index: MetadataIndex<()>,
    read: Mutex<HashMap<Key, (String, Arc<Data>)>>,
}

impl Secrets {
    /// Nothing read yet.
    pub fn new(client: Client, stop: CancellationToken) -> Self {
        Secrets { index: MetadataIndex::new(client.clone(), stop), client, read: Mutex::default() }
    }

    async fn get(&self, key: &Key) -> Result<Option<Arc<Data>>, String> {
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
        let data: Result<Data, String> = secret.data.unwrap_or_default().into_iter().map(text).collect();
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

/// A Secret that an object names in `field`; its changes will wake the object.
pub async fn read<K: Source>(
    object: &K,
    namespace: &str,
    name: &str,
    field: &str,
    ctx: &Context,
) -> Result<Arc<Data>, Failure> {
    let key = Key::new(namespace, name);
    let found = ctx.secrets.get(&key).await;
    let is_there = matches!(found, Ok(Some(_)));
    K::known(ctx).memo(&Key::of(object), |memo| memo.secrets.insert(key, is_there));
    let failed = |why: String| refused(field, &format!("{namespace}/{name}"), &why);
    found.map_err(failed)?.ok_or_else(|| failed("not found; create it".to_owned()))
}

/// That a Secret cannot be used.
pub fn refused(field: &str, secret: &str, why: &str) -> Failure {
    Failure::retry(Aspect::Fetch, "AuthenticationFailed", format!("{field}: Secret '{secret}': {why}"))
}

/// Trust and client certificate of a Secret (`ca.crt`, `tls.crt`, `tls.key`, or the older names of Flux).
///
/// # Errors
/// What is missing.
pub fn tls(data: &Data) -> Result<Tls, &'static str> {
    let get = |new: &str, old: &str| data.get(new).or_else(|| data.get(old)).filter(|it| !it.is_empty()).cloned();
    let client = match (get("tls.crt", "certFile"), get("tls.key", "keyFile")) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key: key.into() }),
        (None, None) => None,
        _ => return Err("`tls.crt` and `tls.key` go together; one of them is missing"),
    };
    Ok(Tls { ca: get("ca.crt", "caFile"), client })
}

/// The certificates that `spec.certSecretRef` names: there must be some.
///
/// # Errors
/// What is missing.
pub fn certificates(data: &Data) -> Result<Tls, &'static str> {
    let tls = tls(data)?;
    if tls == Tls::default() { Err("has none of the keys `ca.crt`, `tls.crt` and `tls.key`") } else { Ok(tls) }
}

/// The proxy of a Secret.
///
/// # Errors
/// What is missing.
pub fn proxy(data: &Data) -> Result<Proxy, &'static str> {
    let address = data.get("address").filter(|it| !it.is_empty()).ok_or("has no key `address`")?;
    if address.len() > 2048 {
        return Err("`address` is longer than 2048 characters");
    }
    Ok(Proxy {
        address: address.trim().to_owned(),
        username: data.get("username").cloned(),
        password: data.get("password").map(|it| it.as_str().into()),
    })
}

/// Wakes whoever names a Secret that changed. Runs until the controller ends.
pub async fn wake(ctx: Context) {
    let mut changes = ctx.secrets.index.subscribe();
    while let Some(changed) = changes.recv().await {
        ctx.secrets.forget(&changed.key);
        let is_new = changed.before.is_none();
        ctx.git_repositories.wake_for_secret(&changed.key, is_new);
        ctx.oci_repositories.wake_for_secret(&changed.key, is_new);
        ctx.helm_repositories.wake_for_secret(&changed.key, is_new);
        ctx.helm_charts.wake_for_secret(&changed.key, is_new);
    }
}
