//! From Secrets to credentials (spec/flux/source.md §2 "Secret keys").

use sluice_api::source::{GitProvider, GitRepository};
use sluice_git::{Access, Credentials, PlainHttp, Tls};

use crate::context::Context;
use crate::source;
use crate::source::failure::{Aspect, Failure};
use crate::source::secrets::{self, Data};

/// Who we are to the remote of a repository.
pub async fn of(object: &GitRepository, ctx: &Context) -> Result<Access, Failure> {
    check_provider(object)?;
    let namespace = source::namespace(object);
    let mut access = Access { plain_http: PlainHttp::WithCredentials, ..Access::default() };
    if let Some(reference) = &object.spec.secret_ref {
        let data = secrets::read(object, &namespace, &reference.name, "spec.secretRef", ctx).await?;
        (access.credentials, access.tls) = credentials(&data, &object.spec.url, &reference.name)?;
    }
    if let Some(reference) = &object.spec.proxy_secret_ref {
        let field = "spec.proxySecretRef";
        let data = secrets::read(object, &namespace, &reference.name, field, ctx).await?;
        let proxy = secrets::proxy(&data).map_err(|why| secrets::refused(field, &reference.name, why))?;
        access.proxy = Some(proxy);
    }
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

/// What a Secret's keys say; pure.
fn credentials(data: &Data, url: &str, secret: &str) -> Result<(Credentials, Tls), Failure> {
    let failed = |why: &str| secrets::refused("spec.secretRef", secret, why);
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
    Ok((credentials, secrets::tls(data).map_err(failed)?))
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
