//! As whom, and on which cluster, objects are applied (spec/flux/kustomize.md §9).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use sluice_api::kustomize::Kustomization;
use sluice_api::meta::KubeConfigReference;
use sluice_apply::{Applier, Managers, Mapper, Memory};
use sluice_runtime::MetadataIndex;

use super::failure::Failure;
use crate::NAME;
use crate::context::Context;

/// Appliers by whom they act as and where, each made once.
#[derive(Default)]
pub struct Clusters(Mutex<HashMap<Identity, Applier>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    /// `None` for the controller itself.
    user: Option<String>,
    /// The kubeconfig's Secret, with what tells one content from another; `None` for the controller's own cluster.
    remote: Option<[String; 4]>,
}

/// Connecting to and asking another cluster takes no longer.
const REMOTE: Duration = Duration::from_secs(30);

/// The applier of a Kustomization.
pub async fn applier(object: &Kustomization, ctx: &Context) -> Result<Applier, Failure> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let named = [&object.spec.service_account_name, &ctx.options.default_service_account];
    let account = named.into_iter().find(|it| !it.is_empty());
    let user = account.map(|name| format!("system:serviceaccount:{namespace}:{name}"));
    let kube_config = match &object.spec.kube_config {
        Some(reference) => Some(kube_config(reference, namespace, ctx).await?),
        None => None,
    };
    let remote = kube_config.as_ref().map(|it| it.identity.clone());
    let identity = Identity { user, remote };
    if let Some(known) = ctx.clusters.0.lock().unwrap_or_else(PoisonError::into_inner).get(&identity) {
        return Ok(known.clone());
    }
    let made = make(&identity, kube_config, ctx).await?;
    let mut clusters = ctx.clusters.0.lock().unwrap_or_else(PoisonError::into_inner);
    // Clients of an older content of the same Secret are dropped with their watches (SECURITY F30).
    if let Some(remote) = &identity.remote {
        clusters.retain(|it, _| it.remote.as_ref().is_none_or(|it| it[..3] != remote[..3] || it == remote));
    }
    Ok(clusters.entry(identity).or_insert(made).clone())
}

async fn make(identity: &Identity, kube_config: Option<KubeConfig>, ctx: &Context) -> Result<Applier, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::Reconciliation(format!("setting up the API client: {error}"));
    let runtime = &ctx.runtime;
    let client = |config: Config| sluice_runtime::client(config, runtime.metrics()).map_err(|error| failed(&error));
    let impersonating = |mut config: Config| {
        config.auth_info.impersonate.clone_from(&identity.user);
        client(config)
    };
    let (own, index, memory, mapper) = match kube_config {
        None => {
            let own = match &identity.user {
                None => runtime.client(),
                Some(_) => impersonating(runtime.config().clone())?,
            };
            (own, ctx.index.clone(), ctx.memory.clone(), ctx.mapper.clone())
        }
        Some(kube_config) => {
            let config = kube_config.config().await?;
            let unimpersonated: Client = client(config.clone())?;
            let index = MetadataIndex::new(unimpersonated.clone(), runtime.stopping().child_token());
            (impersonating(config)?, index, Arc::new(Memory::default()), Arc::new(Mapper::new(unimpersonated)))
        }
    };
    let concurrent = ctx.options.concurrent_ssa;
    let user = identity.user.clone().unwrap_or_default();
    let overridden = Managers::new(&ctx.options.override_manager);
    Ok(Applier { client: own, user, mapper, index, memory, manager: NAME.to_owned(), overridden, concurrent })
}

struct KubeConfig {
    identity: [String; 4],
    content: Kubeconfig,
}

impl KubeConfig {
    async fn config(self) -> Result<Config, Failure> {
        let config = Config::from_custom_kubeconfig(self.content, &KubeConfigOptions::default()).await;
        // The error of a kubeconfig may quote it.
        let mut config = config.map_err(|_| {
            Failure::Reconciliation(
                "spec.kubeConfig: the kubeconfig is incomplete or its certificates are broken".to_owned(),
            )
        })?;
        config.connect_timeout = Some(REMOTE);
        Ok(config)
    }
}

async fn kube_config(reference: &KubeConfigReference, namespace: &str, ctx: &Context) -> Result<KubeConfig, Failure> {
    let Some(secret_ref) = &reference.secret_ref else {
        return Err(Failure::Reconciliation(
            "spec.kubeConfig.configMapRef: logging in to a cloud provider's cluster is not supported yet; use secretRef \
             with a kubeconfig"
                .to_owned(),
        ));
    };
    let what = format!("spec.kubeConfig.secretRef: Secret '{namespace}/{}'", secret_ref.name);
    let failed = |why: &str| Failure::Reconciliation(format!("{what}: {why}"));
    let api: Api<Secret> = Api::namespaced(ctx.runtime.client(), namespace);
    let secret = api.get_opt(&secret_ref.name).await.map_err(|error| failed(&error.to_string()))?;
    let secret = secret.ok_or_else(|| failed("not found"))?;
    let data = secret.data.unwrap_or_default();
    let keys: Vec<&str> = match secret_ref.key.as_str() {
        "" => vec!["value", "value.yaml"],
        key => vec![key],
    };
    let found = keys.iter().find_map(|key| data.get(*key));
    let found = found.ok_or_else(|| failed(&format!("has no key `{}` with a kubeconfig", keys.join("` or `"))))?;
    let text = std::str::from_utf8(&found.0).map_err(|_| failed("the kubeconfig is no text"))?;
    // The parser's error may quote the kubeconfig.
    let mut content = Kubeconfig::from_yaml(text).map_err(|_| failed("the kubeconfig cannot be read as YAML"))?;
    check(&mut content, ctx).map_err(|why| failed(&why))?;
    let identity = [
        namespace.to_owned(),
        secret_ref.name.clone(),
        secret_ref.key.clone(),
        format!("{}@{}", secret.metadata.uid.unwrap_or_default(), secret.metadata.resource_version.unwrap_or_default()),
    ];
    Ok(KubeConfig { identity, content })
}

/// Refuses what would run a program, read this machine's files or trust anybody, unless a flag allows it.
fn check(content: &mut Kubeconfig, ctx: &Context) -> Result<(), String> {
    for named in &mut content.auth_infos {
        let Some(user) = &mut named.auth_info else { continue };
        if user.exec.is_some() && !ctx.options.insecure_kubeconfig_exec {
            return Err(
                "`exec` is not allowed; start the controller with --insecure-kubeconfig-exec to allow it".into()
            );
        }
        if user.client_certificate.is_some() || user.client_key.is_some() || user.token_file.is_some() {
            return Err("names files of this machine; put the data in, as `kubectl config view --flatten` does".into());
        }
        // Old provider plugins run programs too.
        if user.auth_provider.is_some() {
            return Err("`auth-provider` is not supported; use a token or a client certificate".into());
        }
    }
    for named in &mut content.clusters {
        let Some(cluster) = &mut named.cluster else { continue };
        if cluster.certificate_authority.is_some() {
            return Err("names files of this machine; put the data in, as `kubectl config view --flatten` does".into());
        }
        if !ctx.options.insecure_kubeconfig_tls {
            cluster.insecure_skip_tls_verify = None;
        }
    }
    Ok(())
}
