//! Who we are to a registry: pull secrets, service accounts, certificates, proxies (spec/flux/source.md §3, §4).

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use sluice_api::meta::LocalObjectReference;
use sluice_api::source::OciProvider;
use sluice_oci::{Access, Credentials, DockerConfig, Plain, RepositoryName};

use super::failure::{Aspect, Failure};
use super::secrets::{self, Data};
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
        match docker_config(&data).map_err(|why| secrets::refused("spec.secretRef", &reference.name, &why))? {
            Found::Config(found) => config = found,
            Found::Basic(credentials) => access.credentials = credentials,
        }
    }
    if !named.service_account.is_empty() {
        for name in pull_secrets(&own, named.service_account, ctx).await? {
            let data = secrets::read(object, &own, &name, "imagePullSecrets of spec.serviceAccountName", ctx).await?;
            let why = |why: String| secrets::refused("imagePullSecrets of spec.serviceAccountName", &name, &why);
            if let Found::Config(found) = docker_config(&data).map_err(why)? {
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

enum Found {
    Config(DockerConfig),
    Basic(Credentials),
}

/// A Secret of type `kubernetes.io/dockerconfigjson`, of the older form, or with a user and a password.
fn docker_config(data: &Data) -> Result<Found, String> {
    if let Some(text) = data.get(".dockerconfigjson").or_else(|| data.get(".dockercfg")) {
        return DockerConfig::parse(text.as_bytes()).map(Found::Config).map_err(|error| error.to_string());
    }
    match (data.get("username").filter(|it| !it.is_empty()), data.get("password")) {
        (Some(username), password) => Ok(Found::Basic(Credentials::Basic {
            username: username.clone(),
            password: password.map_or("", String::as_str).into(),
        })),
        (None, Some(_)) => Err("has a `password` but no `username`; both are needed".to_owned()),
        (None, None) => Err("has no key `.dockerconfigjson`; its type should be kubernetes.io/dockerconfigjson".into()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> Data {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_pull_secret_has_one_of_three_forms() {
        let json = r#"{"auths": {"h.io": {"username": "u", "password": "p"}}}"#;
        assert!(matches!(docker_config(&data(&[(".dockerconfigjson", json)])), Ok(Found::Config(_))));
        assert!(matches!(docker_config(&data(&[("username", "u"), ("password", "p")])), Ok(Found::Basic(_))));
        let why = |pairs: &[(&str, &str)]| docker_config(&data(pairs)).err().unwrap();
        assert!(why(&[]).contains(".dockerconfigjson"));
        assert!(why(&[("password", "hunter2")]).contains("no `username`"));
        assert!(!why(&[(".dockerconfigjson", "hunter2")]).contains("hunter2"));
    }
}
