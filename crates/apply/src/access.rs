//! As whom, and on which cluster, objects are applied (spec/flux/kustomize.md §9).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use sluice_api::meta::KubeConfigReference;
use sluice_runtime::{MetadataIndex, Runtime};

use crate::mapper::Mapper;
use crate::memory::Memory;
use crate::stage::Applier;

/// Appliers by whom they act as and where, each made once.
pub struct Clusters {
    runtime: Runtime,
    own: Applier,
    allowed: Allowed,
    known: Mutex<HashMap<Identity, Applier>>,
}

/// What kubeconfigs may ask for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// Programs that are run to authenticate (`--insecure-kubeconfig-exec`).
    pub exec: bool,
    /// Servers whose certificate is not checked (`--insecure-kubeconfig-tls`).
    pub insecure_tls: bool,
}

/// An applier cannot be had: what is wrong, without what a Secret holds.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccessError {
    /// The Secret or its content is missing: as far as anybody can tell, the way to the cluster is gone.
    #[error("{0}")]
    Missing(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    /// `None` for the controller itself.
    user: Option<String>,
    /// The kubeconfig's Secret, with what tells one content from another; `None` for the controller's own cluster.
    remote: Option<[String; 4]>,
}

/// Connecting to and asking another cluster takes no longer.
const REMOTE: Duration = Duration::from_secs(30);

impl Clusters {
    /// Appliers for the controller's own cluster, where it applies with `own`, and for others.
    #[must_use]
    pub fn new(runtime: &Runtime, own: Applier, allowed: Allowed) -> Self {
        Clusters { runtime: runtime.clone(), own, allowed, known: Mutex::default() }
    }

    /// The applier of the controller's own cluster that acts as the controller itself.
    #[must_use]
    pub fn own(&self) -> &Applier {
        &self.own
    }

    /// The applier that acts as the service account `account` of `namespace`, or as the controller itself where that is
    /// empty, on the cluster that a kubeconfig of that namespace names.
    ///
    /// # Errors
    /// When the kubeconfig is missing, broken or not allowed, or no client can be made of it.
    pub async fn applier(
        &self,
        namespace: &str,
        account: &str,
        kube_config: Option<&KubeConfigReference>,
    ) -> Result<Applier, AccessError> {
        let user = (!account.is_empty()).then(|| format!("system:serviceaccount:{namespace}:{account}"));
        let kube_config = match kube_config {
            Some(reference) => Some(self.kube_config(reference, namespace).await?),
            None => None,
        };
        let remote = kube_config.as_ref().map(|it| it.identity.clone());
        let identity = Identity { user, remote };
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&identity) {
            return Ok(known.clone());
        }
        let made = self.make(&identity, kube_config).await?;
        let mut clusters = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Clients of an older content of the same Secret are dropped with their watches (SECURITY F30).
        if let Some(remote) = &identity.remote {
            clusters.retain(|it, _| it.remote.as_ref().is_none_or(|it| it[..3] != remote[..3] || it == remote));
        }
        Ok(clusters.entry(identity).or_insert(made).clone())
    }

    async fn make(&self, identity: &Identity, kube_config: Option<KubeConfig>) -> Result<Applier, AccessError> {
        let failed = |error: kube::Error| AccessError::Failed(format!("setting up the API client: {error}"));
        let client = |config: Config| sluice_runtime::client(config, self.runtime.metrics()).map_err(failed);
        let impersonating = |mut config: Config| {
            config.auth_info.impersonate.clone_from(&identity.user);
            client(config)
        };
        let user = identity.user.clone().unwrap_or_default();
        match kube_config {
            None if identity.user.is_none() => Ok(self.own.clone()),
            None => {
                let client = impersonating(self.runtime.config().clone())?;
                Ok(Applier { client, user, ..self.own.clone() })
            }
            Some(kube_config) => {
                let config = kube_config.config().await?;
                let unimpersonated: Client = client(config.clone())?;
                let index = MetadataIndex::new(unimpersonated.clone(), self.runtime.stopping().child_token());
                let mapper = Arc::new(Mapper::new(unimpersonated));
                let (client, memory) = (impersonating(config)?, Arc::new(Memory::default()));
                Ok(Applier { client, user, mapper, index, memory, ..self.own.clone() })
            }
        }
    }

    async fn kube_config(&self, reference: &KubeConfigReference, namespace: &str) -> Result<KubeConfig, AccessError> {
        let Some(secret_ref) = &reference.secret_ref else {
            return Err(AccessError::Failed(
                "spec.kubeConfig.configMapRef: logging in to a cloud provider's cluster is not supported yet; use \
                 secretRef with a kubeconfig"
                    .to_owned(),
            ));
        };
        let what = format!("spec.kubeConfig.secretRef: Secret '{namespace}/{}'", secret_ref.name);
        let failed = |why: &str| AccessError::Failed(format!("{what}: {why}"));
        let missing = |why: &str| AccessError::Missing(format!("{what}: {why}"));
        let api: Api<Secret> = Api::namespaced(self.runtime.client(), namespace);
        let secret = api.get_opt(&secret_ref.name).await.map_err(|error| failed(&error.to_string()))?;
        let secret = secret.ok_or_else(|| missing("not found"))?;
        let data = secret.data.unwrap_or_default();
        let keys: Vec<&str> = match secret_ref.key.as_str() {
            "" => vec!["value", "value.yaml"],
            key => vec![key],
        };
        let found = keys.iter().find_map(|key| data.get(*key));
        let found = found.ok_or_else(|| missing(&format!("has no key `{}` with a kubeconfig", keys.join("` or `"))))?;
        let text = std::str::from_utf8(&found.0).map_err(|_| failed("the kubeconfig is no text"))?;
        // The parser's error may quote the kubeconfig.
        let mut content = Kubeconfig::from_yaml(text).map_err(|_| failed("the kubeconfig cannot be read as YAML"))?;
        check(&mut content, self.allowed).map_err(|why| failed(&why))?;
        let identity = [
            namespace.to_owned(),
            secret_ref.name.clone(),
            secret_ref.key.clone(),
            format!(
                "{}@{}",
                secret.metadata.uid.unwrap_or_default(),
                secret.metadata.resource_version.unwrap_or_default()
            ),
        ];
        Ok(KubeConfig { identity, content })
    }
}

struct KubeConfig {
    identity: [String; 4],
    content: Kubeconfig,
}

impl KubeConfig {
    async fn config(self) -> Result<Config, AccessError> {
        let config = Config::from_custom_kubeconfig(self.content, &KubeConfigOptions::default()).await;
        // The error of a kubeconfig may quote it.
        let mut config = config.map_err(|_| {
            AccessError::Failed(
                "spec.kubeConfig: the kubeconfig is incomplete or its certificates are broken".to_owned(),
            )
        })?;
        config.connect_timeout = Some(REMOTE);
        Ok(config)
    }
}

/// Refuses what would run a program, read this machine's files or trust anybody, unless a flag allows it.
fn check(content: &mut Kubeconfig, allowed: Allowed) -> Result<(), String> {
    for named in &mut content.auth_infos {
        let Some(user) = &mut named.auth_info else { continue };
        if user.exec.is_some() && !allowed.exec {
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
        if !allowed.insecure_tls {
            cluster.insecure_skip_tls_verify = None;
        }
    }
    Ok(())
}
