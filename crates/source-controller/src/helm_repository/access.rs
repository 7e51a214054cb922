//! Who we are to a chart repository (spec/flux/source.md §4).

use std::time::Duration;

use sluice_api::source::{HelmRepository, HelmRepositoryType};
use sluice_http::header::HeaderValue;
use sluice_http::{Tls, Transport, Url, basic, same_origin};
use sluice_oci::{Repository, RepositoryName};

use crate::context::Context;
use crate::source::failure::{Aspect, Failure};
use crate::source::registry::{self, Named};
use crate::source::{Source, namespace, secrets};

/// Who we are to a repository over HTTP.
#[derive(Clone, Default)]
pub struct HttpAccess {
    transport: Transport,
    authorization: Option<HeaderValue>,
    /// The repository, whose charts get the credentials.
    base: Option<Url>,
    /// Whether charts on other hosts get them, too.
    everywhere: bool,
}

impl HttpAccess {
    /// What is shown to the host of `url`: to another one than the repository's nothing, unless `passCredentials`.
    pub fn for_url(&self, url: &Url) -> (Transport, Option<HeaderValue>) {
        let own = self.base.as_ref().is_some_and(|base| same_origin(base, url));
        let secure = url.scheme() == "https" || self.base.as_ref().is_some_and(|base| base.scheme() == "http");
        if own || (self.everywhere && secure) {
            return (self.transport.clone(), self.authorization.clone());
        }
        (self.transport.anonymous(), None)
    }
}

/// The address of a repository, with one slash at its end.
pub fn base_url(text: &str) -> Result<Url, Failure> {
    let refuse = |why: &str| {
        let message = format!("spec.url: `{}`: {why}", sluice_http::redact(text));
        Failure::stalled(Aspect::Fetch, "URLInvalid", message)
    };
    let mut url = Url::parse(text).map_err(|_| refuse("it is no address"))?;
    match url.scheme() {
        "http" | "https" => {}
        "oci" => return Err(refuse("a repository in a registry needs spec.type `oci`")),
        _ => return Err(refuse("it must begin with http:// or https://")),
    }
    if url.host_str().is_none() {
        return Err(refuse("it names no host"));
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// Who we are to a repository, for `asker`, which is woken when the Secrets change.
pub async fn http<K: Source>(asker: &K, repository: &HelmRepository, ctx: &Context) -> Result<HttpAccess, Failure> {
    let spec = &repository.spec;
    let mut base = base_url(&spec.url)?;
    let own = namespace(repository);
    let mut access = HttpAccess { everywhere: spec.pass_credentials, ..HttpAccess::default() };
    let (mut user, mut tls) = (None, Tls::default());
    if !base.username().is_empty() {
        let decode = |text: &str| text.to_owned();
        user = Some((decode(base.username()), decode(base.password().unwrap_or_default())));
    }
    // They go in a header, and in no message.
    let _ = base.set_username("");
    let _ = base.set_password(None);
    if let Some(reference) = &spec.secret_ref {
        let data = secrets::read(asker, &own, &reference.name, "spec.secretRef", ctx).await?;
        let refuse = |why: &str| secrets::refused("spec.secretRef", &reference.name, why);
        match (data.get("username").filter(|it| !it.is_empty()), data.get("password")) {
            (Some(name), Some(password)) => user = Some((name.clone(), password.clone())),
            (Some(_), None) | (None, Some(_)) => {
                return Err(refuse("has one of `username` and `password`; both are needed"));
            }
            (None, None) => {}
        }
        tls = secrets::tls(&data).map_err(refuse)?;
    }
    if let Some(reference) = &spec.cert_secret_ref {
        let data = secrets::read(asker, &own, &reference.name, "spec.certSecretRef", ctx).await?;
        let refuse = |why: &str| secrets::refused("spec.certSecretRef", &reference.name, why);
        tls = secrets::certificates(&data).map_err(refuse)?;
    }
    if let Some((name, password)) = user {
        let header = basic(&name, &password.into()).ok_or_else(|| {
            let message = "spec.secretRef: `username` or `password` holds a character that cannot be sent";
            Failure::retry(Aspect::Fetch, "AuthenticationFailed", message)
        })?;
        access.authorization = Some(header);
    }
    access.transport = Transport { tls, ..Transport::default() };
    access.base = Some(base);
    Ok(access)
}

/// The repository of a chart in a registry, for `asker`.
pub async fn registry<K: Source>(
    asker: &K,
    repository: &HelmRepository,
    chart: &str,
    ctx: &Context,
) -> Result<Repository, Failure> {
    let spec = &repository.spec;
    registry::check_provider(&spec.provider)?;
    let refuse = |why: String| Failure::stalled(Aspect::Fetch, "URLInvalid", format!("spec.url: {why}"));
    if spec.type_ != HelmRepositoryType::Oci {
        return Err(refuse("it is no registry".into()));
    }
    let rest = spec.url.strip_prefix("oci://").ok_or_else(|| refuse("it must begin with `oci://`".into()))?;
    let name = format!("{}/{chart}", rest.trim_end_matches('/'));
    let name: RepositoryName = name.parse().map_err(|error: sluice_oci::ReferenceError| refuse(error.to_string()))?;
    let named = Named {
        secret: spec.secret_ref.as_ref(),
        certificates: spec.cert_secret_ref.as_ref(),
        insecure: spec.insecure,
        ..Named::default()
    };
    let access = registry::access(asker, &name, named, ctx).await?;
    let timeout = spec.timeout.as_ref().and_then(|it| it.to_std().ok()).unwrap_or(Duration::from_secs(60));
    Ok(ctx.oci.repository(&name, &access, timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_repository_ends_with_one_slash() {
        let check = |text: &str, want: &str| assert_eq!(base_url(text).unwrap().as_str(), want);
        check("https://h.io", "https://h.io/");
        check("https://h.io/charts//", "https://h.io/charts/");
        check("https://h.io/charts?x=1", "https://h.io/charts/?x=1");
        for bad in ["oci://h.io/x", "ftp://h.io", "h.io", "https://"] {
            assert_eq!(base_url(bad).unwrap_err().reason, "URLInvalid", "{bad}");
        }
    }

    #[test]
    fn credentials_are_for_the_repository_alone() {
        let access = |base: &str, everywhere| HttpAccess {
            authorization: basic("u", &"p".into()),
            base: Some(url(base)),
            everywhere,
            ..HttpAccess::default()
        };
        let gets = |access: HttpAccess, to: &str| access.for_url(&url(to)).1.is_some();
        assert!(gets(access("https://h.io/", false), "https://h.io/a.tgz"));
        for other in ["https://h.io:444/a", "http://h.io/a", "https://other.io/a", "https://h.io.evil.io/a"] {
            assert!(!gets(access("https://h.io/", false), other), "{other}");
        }
        assert!(gets(access("https://h.io/", true), "https://other.io/a"));
        assert!(!gets(access("https://h.io/", true), "http://other.io/a"));
    }
}
