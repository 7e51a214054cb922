//! A provider with everything it needs, its Secret read.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use sluice_api::notification::ProviderSpec;
use sluice_http::{Secret, Url};

use crate::exchange::{Failure, Request};

/// Who sends and why: what some services are told beside the event.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The Alert, as the API has it.
    pub alert: Value,
    /// The Provider, as the API has it.
    pub provider: Value,
}

impl About {
    /// A field of the Alert's metadata.
    #[must_use]
    pub fn alert_meta(&self, field: &str) -> &str {
        self.alert["metadata"][field].as_str().unwrap_or_default()
    }

    /// A field of the Provider's metadata.
    #[must_use]
    pub fn provider_meta(&self, field: &str) -> &str {
        self.provider["metadata"][field].as_str().unwrap_or_default()
    }
}

/// A provider, ready to be sent to. It prints its type alone.
#[derive(Clone, Default)]
pub struct Target {
    /// The type, as the API writes it.
    pub kind: String,
    /// The address; the Secret's own comes first. It may hold a secret.
    pub address: Secret,
    /// Channel, room or topic.
    pub channel: String,
    /// Name to send as, or to sign in as.
    pub username: String,
    /// Key `token` of the Secret.
    pub token: Secret,
    /// Key `password` of the Secret.
    pub password: Secret,
    /// Headers of the Secret's key `headers`.
    pub headers: Vec<(String, Secret)>,
    /// All other keys of the Secret.
    pub data: BTreeMap<String, Secret>,
    /// `spec.commitStatusExpr`.
    pub commit_status_expr: String,
    /// `spec.serviceAccountName`.
    pub service_account: String,
    /// Alert and Provider.
    pub about: About,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.kind)
    }
}

/// As the API has for `spec.address`.
const ADDRESS: usize = 2048;

impl Target {
    /// The target of a Provider and the data of its Secret.
    ///
    /// # Errors
    /// When the Secret holds something that cannot be used.
    pub fn new(spec: &ProviderSpec, secret: &BTreeMap<String, Secret>, about: About) -> Result<Target, Failure> {
        let get = |key: &str| secret.get(key).filter(|it| !it.expose().is_empty()).cloned();
        let address = match get("address") {
            Some(address) if address.expose().len() > ADDRESS => {
                return Err(Failure::setup(format!("`address` of the Secret is longer than {ADDRESS} characters")));
            }
            Some(address) => Secret::from(address.expose().trim()),
            None => Secret::from(spec.address.as_str()),
        };
        let scheme = address.expose().split("://").next().unwrap_or_default();
        let kind = match (spec.type_.as_str(), scheme) {
            // The API's list of types is Flux's; mail hides behind the type that takes any address.
            ("generic", "smtp" | "smtps") => "smtp",
            (kind, _) => kind,
        };
        Ok(Target {
            kind: kind.to_owned(),
            address,
            channel: spec.channel.clone(),
            username: get("username").map_or_else(|| spec.username.clone(), |it| it.expose().trim().to_owned()),
            token: get("token").map(|it| it.expose().trim().into()).unwrap_or_default(),
            password: get("password").unwrap_or_default(),
            headers: get("headers").map(|it| headers(&it)).transpose()?.unwrap_or_default(),
            data: secret.clone(),
            commit_status_expr: spec.commit_status_expr.clone(),
            service_account: spec.service_account_name.clone(),
            about,
        })
    }

    /// The address as a URL; an error does not repeat it.
    ///
    /// # Errors
    /// When it is none.
    pub fn url(&self) -> Result<Url, Failure> {
        web_url(self.address.expose())
    }

    /// Another key of the Secret.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<&Secret> {
        self.data.get(key).filter(|it| !it.expose().is_empty())
    }

    /// The token, which there must be.
    ///
    /// # Errors
    /// When there is none.
    pub fn needs_token(&self) -> Result<&Secret, Failure> {
        if self.token.expose().is_empty() {
            return Err(Failure::setup(format!(
                "a provider of type `{}` needs a Secret with the key `token`",
                self.kind
            )));
        }
        Ok(&self.token)
    }

    /// The same request with the headers of the Secret.
    ///
    /// # Errors
    /// When one cannot be sent.
    pub fn with_headers(&self, request: Request) -> Result<Request, Failure> {
        self.headers.iter().try_fold(request, |request, (name, value)| request.secret_header(name, value.expose()))
    }

    /// `text` without anything that is secret here, whoever repeated it.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        let mut secrets: Vec<&str> = vec![self.address.expose()];
        secrets.extend(self.data.values().map(Secret::expose));
        secrets.extend(self.headers.iter().map(|(_, value)| value.expose()));
        let about_address = self.address.expose();
        // The secret of a webhook is its path and query; the host alone is none.
        if let Ok(url) = Url::parse(about_address) {
            let tail = about_address.split_once(url.host_str().unwrap_or("\u{0}")).map_or("", |(_, tail)| tail);
            secrets.push(tail.get(tail.find('/').unwrap_or(tail.len())..).unwrap_or_default());
        }
        let part = |key: &str| self.data.get(key).map(Secret::expose).unwrap_or_default();
        let pair = format!("{}:{}", part("username"), part("password"));
        secrets.push(&pair);
        mask(text, &secrets)
    }
}

/// `text` with every secret, or encoded form of one, replaced.
#[must_use]
pub fn mask(text: &str, secrets: &[&str]) -> String {
    use base64::Engine as _;
    let mut forms: Vec<String> = Vec::new();
    for secret in secrets.iter().flat_map(|it| [it.trim()].into_iter().chain(it.split_whitespace())) {
        // Shorter ones would mask ordinary words.
        if secret.len() < 4 {
            continue;
        }
        forms.push(secret.to_owned());
        forms.push(base64::engine::general_purpose::STANDARD.encode(secret));
        forms.push(percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string());
    }
    // The longest first, so that no part of one is left.
    forms.sort_by_key(|it| std::cmp::Reverse(it.len()));
    let text = forms.iter().fold(text.to_owned(), |text, form| text.replace(form.as_str(), "*****"));
    without_credentials(&text)
}

/// `text` without what stands behind the name of a way to sign in, as in headers that a server repeats.
fn without_credentials(text: &str) -> String {
    // ASCII alone changes, so offsets are those of the text.
    let lower = text.to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_' | '.' | '~');
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    let mut starts: Vec<usize> =
        ["basic ", "bearer "].iter().flat_map(|way| lower.match_indices(way).map(|(at, way)| at + way.len())).collect();
    starts.sort_unstable();
    for start in starts {
        let length = text[start..].find(|c| !is_token(c)).unwrap_or(text.len() - start);
        // Shorter ones are words.
        if start >= done && length >= 12 {
            out.push_str(&text[done..start]);
            out.push_str("*****");
            done = start + length;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// An absolute `http` or `https` URL.
///
/// # Errors
/// When the text is none; it is not repeated.
pub fn web_url(text: &str) -> Result<Url, Failure> {
    let wrong = |what: &str| Failure::setup(format!("the address {what}; write one as `https://example.com/path`"));
    if text.is_empty() {
        return Err(wrong("is missing"));
    }
    let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is no `http` or `https` URL"));
    }
    Ok(url)
}

/// Headers as a YAML map of texts.
fn headers(secret: &Secret) -> Result<Vec<(String, Secret)>, Failure> {
    let wrong = || Failure::setup("`headers` of the Secret is no YAML map of names to texts");
    let value = sluice_yaml::parse(secret.expose(), sluice_yaml::Dialect::V2).map_err(|_| wrong())?;
    if value.is_null() {
        return Ok(Vec::new());
    }
    let map = value.as_object().ok_or_else(wrong)?;
    let pair = |(name, value): (&String, &Value)| Ok((name.clone(), value.as_str().ok_or_else(wrong)?.into()));
    map.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_every_form() {
        let secret = "s3cr/et+t0ken";
        let text = "got s3cr/et+t0ken, czNjci9ldCt0MGtlbg== and s3cr%2Fet%2Bt0ken";
        assert_eq!(mask(text, &[secret]), "got *****, ***** and *****");
        assert_eq!(mask("a b c", &["a", ""]), "a b c");
    }

    #[test]
    fn credentials_that_a_server_repeats_are_masked() {
        let text =
            r#"400: {"authorization": "Basic dTpjYW5hcnktcGFzcw==", "x": "bearer abcdefghijkl.m", "y": "basic needs"}"#;
        let want = r#"400: {"authorization": "Basic *****", "x": "bearer *****", "y": "basic needs"}"#;
        assert_eq!(mask(text, &[]), want);
    }

    #[test]
    fn the_path_of_a_webhook_is_secret_and_its_host_is_not() {
        let spec = ProviderSpec {
            type_: "slack".into(),
            address: "https://hooks.example.com/T/B/abc".into(),
            ..ProviderSpec::default()
        };
        let target = Target::new(&spec, &BTreeMap::new(), About::default()).unwrap();
        assert_eq!(target.masked("POST hooks.example.com /T/B/abc: no"), "POST hooks.example.com *****: no");
        assert_eq!(format!("{target:?}"), "Target(slack)");
    }

    #[test]
    fn an_address_of_a_mail_server_is_mail() {
        let spec = ProviderSpec {
            type_: "generic".into(),
            address: "smtps://mail.example.com".into(),
            ..ProviderSpec::default()
        };
        assert_eq!(Target::new(&spec, &BTreeMap::new(), About::default()).unwrap().kind, "smtp");
    }
}
