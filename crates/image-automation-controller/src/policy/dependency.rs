//! The repository that a policy chooses from, and whether it may.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use sluice_api::image::{ImagePolicy, ImageRepository};
use sluice_api::meta::AccessFrom;
use sluice_runtime::Key;

use crate::context::Shared;
use crate::failure::Failure;

/// The key of the repository.
pub fn repository(policy: &ImagePolicy) -> Key {
    let reference = &policy.spec.image_repository_ref;
    let own = policy.metadata.namespace.as_deref().unwrap_or_default();
    Key::new(if reference.namespace.is_empty() { own } else { &reference.namespace }, &reference.name)
}

/// The repository, if the policy may use it. Whether it may is asked before whether it is there.
///
/// # Errors
/// `AccessDenied`, or `DependencyNotReady` when it is not there.
pub async fn find(policy: &ImagePolicy, ctx: &Shared) -> Result<Arc<ImageRepository>, Failure> {
    let key = repository(policy);
    let own = policy.metadata.namespace.as_deref().unwrap_or_default();
    let denied = |why: &str| {
        Failure::retry(
            "AccessDenied",
            format!("ImageRepository '{key}' can't be accessed from namespace '{own}': {why}"),
        )
    };
    let is_foreign = *key.namespace != *own;
    if is_foreign && ctx.options.no_cross_namespace_refs {
        return Err(denied("cross-namespace references have been blocked (--no-cross-namespace-refs)"));
    }
    ctx.repositories.cache.synced().await;
    let found = ctx.repositories.cache.get(&key);
    if is_foreign {
        let missing = "its spec.accessFrom admits no label of that namespace";
        // One that is not there and one that may not be used look the same from elsewhere.
        let admits = found.as_ref().and_then(|it| it.spec.access_from.as_ref()).ok_or_else(|| denied(missing))?;
        let namespaces: Api<Namespace> = Api::all(ctx.runtime.client());
        let namespace = namespaces.get_opt(own).await.map_err(|error| denied(&error.to_string()))?;
        let labels = namespace.and_then(|it| it.metadata.labels).unwrap_or_default();
        if !may(admits, &labels) {
            return Err(denied(missing));
        }
    }
    found.ok_or_else(|| {
        let message = format!("ImageRepository '{key}' not found; create it");
        Failure::wait("DependencyNotReady", message, ctx.options.requeue_dependency.0)
    })
}

/// Whether a namespace with these labels is let in. An empty selector lets everybody in, an empty list nobody.
fn may(access: &AccessFrom, labels: &BTreeMap<String, String>) -> bool {
    access
        .namespace_selectors
        .iter()
        .any(|it| it.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_selector_that_matches_suffices() {
        let labels: BTreeMap<String, String> = [("team".to_owned(), "a".to_owned())].into();
        let check = |access: serde_json::Value, want: bool| {
            let access: AccessFrom = serde_json::from_value(access.clone()).unwrap();
            assert_eq!(may(&access, &labels), want, "{access:?}");
        };
        check(json!({"namespaceSelectors": []}), false);
        check(json!({"namespaceSelectors": [{}]}), true);
        check(json!({"namespaceSelectors": [{"matchLabels": {"team": "b"}}]}), false);
        check(json!({"namespaceSelectors": [{"matchLabels": {"team": "b"}}, {"matchLabels": {"team": "a"}}]}), true);
        check(json!({"namespaceSelectors": [{"matchLabels": {"team": "a", "stage": "x"}}]}), false);
    }
}
