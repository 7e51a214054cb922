//! From Secrets to credentials (spec/flux/source.md §2 "Secret keys").

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ApiResource;
use sluice_api::source::{GitProvider, GitRepository};
use sluice_git::{Access, ClientCertificate, Credentials, PlainHttp, Proxy, Tls};
use sluice_runtime::{GroupKind, Key};

use super::failure::{Aspect, Failure};
use crate::context::Context;

/// Who we are to the remote of a repository; Secrets are read when they have changed.
pub async fn of(object: &GitRepository, ctx: &Context) -> Result<Access, Failure> {
    check_provider(object)?;
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let named = [object.spec.secret_ref.as_ref(), object.spec.proxy_secret_ref.as_ref()];
    let secrets: Vec<Key> = named.iter().flatten().map(|it| Key::new(namespace, &it.name)).collect();
    if secrets.is_empty() {
        ctx.memo(&Key::of(object), |memo| memo.access = None);
        return Ok(Access { plain_http: PlainHttp::WithCredentials, ..Access::default() });
    }
    let versions = versions(&secrets, ctx).await;
    if let Some(versions) = &versions {
        let known = ctx.memo(&Key::of(object), |memo| memo.access.clone());
        if let Some((known, access)) = known
            && known == *versions
        {
            return Ok(access);
        }
    }
    let mut access = Access { plain_http: PlainHttp::WithCredentials, ..Access::default() };
    if let Some(reference) = &object.spec.secret_ref {
        let data = read(namespace, &reference.name, "spec.secretRef", ctx).await?;
        (access.credentials, access.tls) = credentials(&data, &object.spec.url, &reference.name)?;
    }
    if let Some(reference) = &object.spec.proxy_secret_ref {
        let data = read(namespace, &reference.name, "spec.proxySecretRef", ctx).await?;
        access.proxy = Some(proxy(&data, &reference.name)?);
    }
    // Whoever cannot list Secrets reads them each time, and has no use for a memory.
    let known = versions.unwrap_or_else(|| secrets.into_iter().map(|key| (key, String::new())).collect());
    ctx.memo(&Key::of(object), |memo| memo.access = Some((known, access.clone())));
    Ok(access)
}

fn check_provider(object: &GitRepository) -> Result<(), Failure> {
    let refuse = |message: String| Failure::stalled(Aspect::Fetch, "InvalidProviderConfiguration", message);
    match &object.spec.provider {
        GitProvider::Generic => Ok(()),
        other => Err(refuse(format!(
            "spec.provider: `{other}` is not supported yet; use `generic` with credentials in spec.secretRef"
        ))),
    }
}

/// The versions of Secrets as watched; `None` when they cannot be watched.
async fn versions(secrets: &[Key], ctx: &Context) -> Option<Vec<(Key, String)>> {
    let resource = ApiResource::erase::<Secret>(&());
    ctx.secrets.watch(&resource).await.ok()?;
    let kind = GroupKind::of(&resource);
    let version = |key: &Key| ctx.secrets.get(&kind, key).map(|it| (key.clone(), it.resource_version.to_string()));
    secrets.iter().map(version).collect()
}

type Data = BTreeMap<String, String>;

async fn read(namespace: &str, name: &str, field: &str, ctx: &Context) -> Result<Data, Failure> {
    let failed = |why: String| {
        let message = format!("{field}: Secret '{namespace}/{name}': {why}");
        Failure::retry(Aspect::Fetch, "AuthenticationFailed", message)
    };
    let api: Api<Secret> = Api::namespaced(ctx.runtime.client(), namespace);
    let secret = api.get_opt(name).await.map_err(|error| failed(error.to_string()))?;
    let data = secret.ok_or_else(|| failed("not found; create it".to_owned()))?.data.unwrap_or_default();
    let text = |(key, value): (String, k8s_openapi::ByteString)| match String::from_utf8(value.0) {
        Ok(value) => Ok((key, value)),
        Err(_) => Err(failed(format!("key `{key}` is no text"))),
    };
    data.into_iter().map(text).collect()
}

/// What a Secret's keys say; pure.
fn credentials(data: &Data, url: &str, secret: &str) -> Result<(Credentials, Tls), Failure> {
    let failed = |why: &str| {
        Failure::retry(Aspect::Fetch, "AuthenticationFailed", format!("spec.secretRef: Secret '{secret}': {why}"))
    };
    let get = |key: &str| data.get(key).filter(|it| !it.is_empty());
    if url.starts_with("ssh://") {
        let (Some(identity), Some(known_hosts)) = (get("identity"), get("known_hosts")) else {
            return Err(failed("an ssh url needs the keys `identity` (private key) and `known_hosts`"));
        };
        let credentials = Credentials::Ssh {
            identity: identity.as_str().into(),
            passphrase: get("password").map(|it| it.as_str().into()),
            known_hosts: known_hosts.clone(),
        };
        return Ok((credentials, Tls::default()));
    }
    if ["githubAppID", "githubAppPrivateKey"].iter().any(|key| data.contains_key(*key)) {
        return Err(Failure::stalled(
            Aspect::Fetch,
            "InvalidProviderConfiguration",
            format!("secretRef '{secret}' has github app data but provider is not set to github"),
        ));
    }
    let credentials = match (get("bearerToken"), get("username"), get("password")) {
        (Some(token), _, _) => Credentials::Bearer(token.trim_end().into()),
        (None, Some(username), password) => {
            Credentials::Basic { username: username.clone(), password: password.map_or("", String::as_str).into() }
        }
        (None, None, Some(_)) => return Err(failed("has a `password` but no `username`; both are needed")),
        (None, None, None) => Credentials::Anonymous,
    };
    let client = match (get("tls.crt"), get("tls.key")) {
        (Some(certificate), Some(key)) => {
            Some(ClientCertificate { certificate: certificate.clone(), key: key.as_str().into() })
        }
        (None, None) => None,
        _ => return Err(failed("`tls.crt` and `tls.key` go together; one of them is missing")),
    };
    let ca = get("ca.crt").or_else(|| get("caFile")).cloned();
    Ok((credentials, Tls { ca, client }))
}

fn proxy(data: &Data, secret: &str) -> Result<Proxy, Failure> {
    let failed = |why: &str| {
        Failure::retry(Aspect::Fetch, "AuthenticationFailed", format!("spec.proxySecretRef: Secret '{secret}': {why}"))
    };
    let address = data.get("address").filter(|it| !it.is_empty()).ok_or_else(|| failed("has no key `address`"))?;
    if address.len() > 2048 {
        return Err(failed("`address` is longer than 2048 characters"));
    }
    Ok(Proxy {
        address: address.trim().to_owned(),
        username: data.get("username").cloned(),
        password: data.get("password").map(|it| it.as_str().into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> Data {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn keys_say_who_we_are() {
        let of = |pairs: &[(&str, &str)]| credentials(&data(pairs), "https://h/r", "s").map(|it| it.0);
        assert_eq!(of(&[]).unwrap(), Credentials::Anonymous);
        assert_eq!(of(&[("bearerToken", "t\n"), ("username", "u")]).unwrap(), Credentials::Bearer("t".into()));
        let basic = Credentials::Basic { username: "u".into(), password: "p".into() };
        assert_eq!(of(&[("username", "u"), ("password", "p")]).unwrap(), basic);
        assert!(of(&[("password", "p")]).unwrap_err().message.contains("no `username`"));
        assert!(of(&[("githubAppID", "1")]).unwrap_err().reason == "InvalidProviderConfiguration");
        assert!(of(&[("tls.crt", "c")]).unwrap_err().message.contains("`tls.key`"));
    }

    #[test]
    fn ssh_needs_both_keys() {
        let of = |pairs: &[(&str, &str)]| credentials(&data(pairs), "ssh://git@h/r", "s");
        assert!(of(&[("identity", "i")]).unwrap_err().message.contains("known_hosts"));
        assert!(matches!(of(&[("identity", "i"), ("known_hosts", "k")]).unwrap().0, Credentials::Ssh { .. }));
    }
}
