//! Who we are to a registry: pull secrets, service accounts, certificates, proxies (spec/flux/source.md §3, §4).

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use sluice_api::meta::LocalObjectReference;
use sluice_api::source::OciProvider;
use sluice_oci::{Access, Credentials, DockerConfig, Plain, PullSecret, RepositoryName};

use super::failure::{Aspect, Failure};
use super::secrets;
use super::{Source, namespace};
use crate::context::Context;

/// Where an object names what is needed to reach a registry.
#[derive(Clone, Copy, Default)]
pub struct Named<'a> {
    /// `spec.secretRef`.
    pub secret: Option<&'a LocalObjectReference>,
    /// `spec.certSecretRef`.
    pub certificates: Option<&'a LocalObjectReference>,
    /// `spec.proxySecretRef`.
    pub proxy: Option<&'a LocalObjectReference>,
    /// `spec.serviceAccountName`.
    pub service_account: &'a str,
    /// `spec.insecure`.
    pub insecure: bool,
}

/// Refuses what cannot be done yet: signing in with an identity at a cloud.
pub fn check_provider(provider: &OciProvider) -> Result<(), Failure> {
    match provider {
        OciProvider::Generic => Ok(()),
        other => Err(Failure::stalled(
            Aspect::Fetch,
            "InvalidProviderConfiguration",
            format!("spec.provider: `{other}` is not supported yet; use `generic` with credentials in spec.secretRef"),
        )),
    }
}

/// Who we are to the registry of a repository. `holder` names the Secrets, `object` is woken when they change.
pub async fn access<K: Source>(
    object: &K,
    repository: &RepositoryName,
    named: Named<'_>,
    ctx: &Context,
) -> Result<Access, Failure> {
    let own = namespace(object);
    let mut access =
        Access { plain: if named.insecure { Plain::Allowed } else { Plain::Refused }, ..Access::default() };
    let mut config = DockerConfig::default();
    if let Some(reference) = named.secret {
        let data = secrets::read(object, &own, &reference.name, "spec.secretRef", ctx).await?;
        match PullSecret::read(&data).map_err(|why| secrets::refused("spec.secretRef", &reference.name, &why))? {
            PullSecret::Config(found) => config = found,
            PullSecret::Basic(credentials) => access.credentials = credentials,
        }
    }
    if !named.service_account.is_empty() {
        for name in pull_secrets(&own, named.service_account, ctx).await? {
            let data = secrets::read(object, &own, &name, "imagePullSecrets of spec.serviceAccountName", ctx).await?;
            let why = |why: String| secrets::refused("imagePullSecrets of spec.serviceAccountName", &name, &why);
            if let PullSecret::Config(found) = PullSecret::read(&data).map_err(why)? {
                config = config.or(found);
            }
        }
    }
    if access.credentials == Credentials::Anonymous {
        access.credentials = config.credentials(repository);
    }
    if let Some(reference) = named.certificates {
        let field = "spec.certSecretRef";
        let data = secrets::read(object, &own, &reference.name, field, ctx).await?;
        access.tls = secrets::certificates(&data).map_err(|why| secrets::refused(field, &reference.name, why))?;
    }
    if let Some(reference) = named.proxy {
        let field = "spec.proxySecretRef";
        let data = secrets::read(object, &own, &reference.name, field, ctx).await?;
        let proxy = secrets::proxy(&data).map_err(|why| secrets::refused(field, &reference.name, why))?;
        access.proxy = Some(proxy);
    }
    Ok(access)
}

async fn pull_secrets(namespace: &str, account: &str, ctx: &Context) -> Result<Vec<String>, Failure> {
    let failed = |why: String| {
        let message = format!("spec.serviceAccountName: ServiceAccount '{namespace}/{account}': {why}");
        Failure::retry(Aspect::Fetch, "AuthenticationFailed", message)
    };
    let api: Api<ServiceAccount> = Api::namespaced(ctx.runtime.client(), namespace);
    let found = api.get_opt(account).await.map_err(|error| failed(error.to_string()))?;
    let found = found.ok_or_else(|| failed("not found; create it".to_owned()))?;
    Ok(found.image_pull_secrets.unwrap_or_default().into_iter().map(|it| it.name).collect())
}
