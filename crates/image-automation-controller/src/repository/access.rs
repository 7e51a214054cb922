//! Which repository is meant, and who we are to its registry: pull secrets, certificates, proxy.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use sluice_api::image::ImageRepository;
use sluice_api::source::OciProvider;
use sluice_oci::{Access, Credentials, DockerConfig, Plain, PullSecret, RepositoryName};
use sluice_runtime::{Key, SecretData};

use crate::context::Shared;
use crate::failure::Failure;

/// The repository that `spec.image` names.
///
/// # Errors
/// When it names none, or more than that.
pub fn name(object: &ImageRepository) -> Result<RepositoryName, Failure> {
    let refuse = |why: String| Failure::stalled("ImageURLInvalid", why);
    let image = object.spec.image.as_str();
    if let Some((scheme, _)) = image.split_once("://") {
        return Err(refuse(format!(".spec.image value should not start with URL scheme; remove '{scheme}://'")));
    }
    let reference: sluice_oci::Reference =
        image.parse().map_err(|error: sluice_oci::ReferenceError| refuse(format!("spec.image: {error}")))?;
    match (&reference.tag, &reference.digest) {
        (Some(tag), _) => Err(refuse(format!(".spec.image value should not contain a tag; remove ':{tag}'"))),
        (None, Some(_)) => Err(refuse("spec.image: it must not name a digest".to_owned())),
        (None, None) => Ok(reference.repository),
    }
}

/// Who we are to the registry. The Secrets that decide it are added to `read`, also when one of them is missing.
///
/// # Errors
/// When a Secret is missing or holds nothing of use.
pub async fn access(
    object: &ImageRepository,
    repository: &RepositoryName,
    read: &mut Vec<Key>,
    ctx: &Shared,
) -> Result<Access, Failure> {
    let spec = &object.spec;
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let mut access = Access { plain: if spec.insecure { Plain::Allowed } else { Plain::Refused }, ..Access::default() };
    check_provider(&spec.provider)?;
    let mut config = DockerConfig::default();
    if let Some(reference) = &spec.secret_ref {
        let field = "spec.secretRef";
        let data = secret(namespace, &reference.name, field, read, ctx).await?;
        match PullSecret::read(&data).map_err(|why| refused(field, &reference.name, &why))? {
            PullSecret::Config(found) => config = found,
            PullSecret::Basic(credentials) => access.credentials = credentials,
        }
    }
    if !spec.service_account_name.is_empty() {
        let field = "imagePullSecrets of spec.serviceAccountName";
        for name in pull_secrets(namespace, &spec.service_account_name, ctx).await? {
            let data = secret(namespace, &name, field, read, ctx).await?;
            if let PullSecret::Config(found) = PullSecret::read(&data).map_err(|why| refused(field, &name, &why))? {
                config = config.or(found);
            }
        }
    }
    if access.credentials == Credentials::Anonymous {
        access.credentials = config.credentials(repository);
    }
    if let Some(reference) = &spec.cert_secret_ref {
        let field = "spec.certSecretRef";
        let data = secret(namespace, &reference.name, field, read, ctx).await?;
        let tls = sluice_http::keys::certificates(&data);
        access.tls = tls.map_err(|why| refused(field, &reference.name, why))?;
    }
    if let Some(reference) = &spec.proxy_secret_ref {
        let field = "spec.proxySecretRef";
        let data = secret(namespace, &reference.name, field, read, ctx).await?;
        let proxy = sluice_http::keys::proxy(&data);
        access.proxy = Some(proxy.map_err(|why| refused(field, &reference.name, why))?);
    }
    Ok(access)
}

/// Refuses what cannot be done yet: signing in with an identity at a cloud.
fn check_provider(provider: &OciProvider) -> Result<(), Failure> {
    match provider {
        OciProvider::Generic => Ok(()),
        other => Err(Failure::stalled(
            "InvalidProviderConfiguration",
            format!("spec.provider: `{other}` is not supported yet; use `generic` with credentials in spec.secretRef"),
        )),
    }
}

async fn secret(
    namespace: &str,
    name: &str,
    field: &str,
    read: &mut Vec<Key>,
    ctx: &Shared,
) -> Result<Arc<SecretData>, Failure> {
    let key = Key::new(namespace, name);
    let found = ctx.secrets.get(&key).await;
    read.push(key);
    let failed = |why: String| refused(field, &format!("{namespace}/{name}"), &why);
    found.map_err(failed)?.ok_or_else(|| failed("not found; create it".to_owned()))
}

fn refused(field: &str, secret: &str, why: &str) -> Failure {
    Failure::retry("AuthenticationFailed", format!("{field}: Secret '{secret}': {why}"))
}

async fn pull_secrets(namespace: &str, account: &str, ctx: &Shared) -> Result<Vec<String>, Failure> {
    let failed = |why: String| {
        let message = format!("spec.serviceAccountName: ServiceAccount '{namespace}/{account}': {why}");
        Failure::retry("AuthenticationFailed", message)
    };
    let api: Api<ServiceAccount> = Api::namespaced(ctx.runtime.client(), namespace);
    let found = api.get_opt(account).await.map_err(|error| failed(error.to_string()))?;
    let found = found.ok_or_else(|| failed("not found; create it".to_owned()))?;
    Ok(found.image_pull_secrets.unwrap_or_default().into_iter().map(|it| it.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(image: &str, want: Result<&str, &str>) {
        let mut object = ImageRepository::default();
        object.spec.image = image.to_owned();
        match (name(&object), want) {
            (Ok(found), Ok(want)) => assert_eq!(found.to_string(), want),
            (Err(failure), Err(want)) => {
                assert_eq!(failure.reason, "ImageURLInvalid");
                assert!(failure.message.contains(want), "{failure}");
            }
            (found, want) => panic!("{image}: {found:?}, expected {want:?}"),
        }
    }

    #[test]
    fn an_image_has_a_name_and_nothing_else() {
        check("alpine", Ok("index.docker.io/library/alpine"));
        check("docker.io/org/app", Ok("index.docker.io/org/app"));
        check("ghcr.io/org/app", Ok("ghcr.io/org/app"));
        check("localhost:5000/app", Ok("localhost:5000/app"));
        check("https://ghcr.io/org/app", Err("remove 'https://'"));
        check("ghcr.io/org/app:v1", Err("remove ':v1'"));
        check("ghcr.io/org/App", Err("spec.image"));
        check("", Err("spec.image"));
    }
}
