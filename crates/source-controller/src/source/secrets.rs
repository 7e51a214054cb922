//! Secrets that sources name: read when they have changed, watched to wake who names them.

use std::sync::Arc;

pub use sluice_http::keys::{certificates, proxy, tls};
use sluice_runtime::{Key, SecretData};

use super::Source;
use super::failure::{Aspect, Failure};
use crate::context::Context;

/// What a Secret holds, as text.
pub type Data = SecretData;

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
