//! How a provider is reached, and requests on their way.

use std::collections::BTreeMap;

use http::HeaderValue;
use sha2::{Digest, Sha256};
use sluice_api::notification::{Provider, ProviderSpec};
use sluice_http::{ClientCertificate, Clients, Proxy, Secret, Tls, Transport, chain};

use crate::context::Context;
use crate::event::Event;
use crate::exchange::{Answer, Exchange, Failure, NoAnswer, Request};
use crate::provider::{Talk, deliver_mail, publish};

/// No more of an answer is read.
const ANSWER: usize = 64 * 1024;
/// Comments and statuses are listed, and may be long.
const LIST: usize = 4 << 20;

/// Certificates and proxy of a Provider, its Secrets read.
///
/// # Errors
/// When a Secret is missing or holds something that cannot be used.
pub async fn transport(
    ctx: &Context,
    provider: &Provider,
    secret: &BTreeMap<String, Secret>,
) -> Result<Transport, Failure> {
    let namespace = provider.metadata.namespace.as_deref().unwrap_or_default();
    let spec = &provider.spec;
    let certificates = match &spec.cert_secret_ref {
        Some(it) => Some(ctx.secrets.read(namespace, &it.name, "spec.certSecretRef").await?),
        None => None,
    };
    let proxy = match &spec.proxy_secret_ref {
        Some(it) => Some(ctx.secrets.read(namespace, &it.name, "spec.proxySecretRef").await?),
        None => None,
    };
    transport_of(spec, secret, certificates.as_deref(), proxy.as_deref())
}

/// Certificates and proxy of a Provider, given what its three Secrets hold.
///
/// # Errors
/// When one holds something that cannot be used.
pub fn transport_of(
    spec: &ProviderSpec,
    secret: &BTreeMap<String, Secret>,
    certificates: Option<&BTreeMap<String, Secret>>,
    proxy: Option<&BTreeMap<String, Secret>>,
) -> Result<Transport, Failure> {
    let tls = match certificates {
        Some(data) => match tls(data)? {
            none if none == Tls::default() => {
                let why = "spec.certSecretRef: none of the keys `ca.crt`, `tls.crt` and `tls.key` is there";
                return Err(Failure::setup(why));
            }
            some => some,
        },
        None => tls(secret)?,
    };
    let proxy = match proxy {
        Some(data) => {
            let missing = || Failure::setup("spec.proxySecretRef: the key `address` is missing");
            let address = data.get("address").filter(|it| !it.expose().is_empty()).ok_or_else(missing)?;
            Some(Proxy {
                address: address.expose().trim().to_owned(),
                username: data.get("username").map(|it| it.expose().to_owned()),
                password: data.get("password").cloned(),
            })
        }
        None => {
            let own = secret.get("proxy").map_or(spec.proxy.as_str(), Secret::expose).trim();
            (!own.is_empty()).then(|| Proxy { address: own.to_owned(), username: None, password: None })
        }
    };
    Ok(Transport { tls, proxy, ..Transport::default() })
}

/// Trust and client certificate of a Secret, by the newer names of its keys or the older.
fn tls(data: &BTreeMap<String, Secret>) -> Result<Tls, Failure> {
    let get = |new: &str, old: &str| {
        [new, old].iter().find_map(|key| data.get(*key)).filter(|it| !it.expose().is_empty()).cloned()
    };
    let client = match (get("tls.crt", "certFile"), get("tls.key", "keyFile")) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate: certificate.expose().to_owned(), key }),
        (None, None) => None,
        _ => return Err(Failure::setup("`tls.crt` and `tls.key` of a Secret go together; one of them is missing")),
    };
    Ok(Tls { ca: get("ca.crt", "caFile").map(|it| it.expose().to_owned()), client })
}

/// Sends the requests of one delivery.
pub struct Courier<'a> {
    clients: &'a Clients,
    transport: &'a Transport,
    key: String,
}

impl<'a> Courier<'a> {
    /// A courier for the delivery `id` of an event. Its requests carry a key that is the same whenever they are tried.
    pub fn new(clients: &'a Clients, transport: &'a Transport, event: &Event, id: u64) -> Courier<'a> {
        let digest = Sha256::digest(crate::json::to_vec(&(id, event)));
        Courier { clients, transport, key: hex::encode(&digest[..16]) }
    }
}

impl Exchange for Courier<'_> {
    async fn http(&self, request: Request) -> Result<Answer, NoAnswer> {
        let setup = |error: sluice_http::Error| NoAnswer { why: error.to_string(), may_pass: false };
        let client = self.clients.get(self.transport).map_err(setup)?;
        let limit = if request.method == "GET" { LIST } else { ANSWER };
        let mut builder =
            client.request(request.method.clone(), request.url).headers(request.headers).body(request.body);
        if request.method != "GET"
            && let Ok(key) = HeaderValue::from_str(&self.key)
        {
            builder = builder.header("idempotency-key", key);
        }
        // The error's text would hold the address, which may be the secret.
        let lost = |error: reqwest::Error| NoAnswer { why: chain(&error.without_url()), may_pass: true };
        let mut response = builder.send().await.map_err(lost)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        // Once the status is there, a body that breaks off is no reason to send again.
        while body.len() < limit {
            match response.chunk().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece[..piece.len().min(limit - body.len())]),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(Answer { status, headers, body })
    }

    async fn converse(&self, talk: Talk) -> Result<(), NoAnswer> {
        match talk {
            Talk::Nats(message) => publish(&message, &self.transport.tls).await,
            Talk::Smtp(mail) => deliver_mail(&mail, &self.transport.tls).await,
        }
    }
}
