//! Trust, identity and proxy from the keys of a Secret.

use std::collections::BTreeMap;

use crate::{ClientCertificate, Proxy, Tls};

/// Longest address of a proxy.
const ADDRESS: usize = 2048;

/// Trust and client certificate of a Secret (`ca.crt`, `tls.crt`, `tls.key`, or the older names of Flux).
///
/// # Errors
/// What is missing.
pub fn tls(data: &BTreeMap<String, String>) -> Result<Tls, &'static str> {
    let get = |new: &str, old: &str| data.get(new).or_else(|| data.get(old)).filter(|it| !it.is_empty()).cloned();
    let client = match (get("tls.crt", "certFile"), get("tls.key", "keyFile")) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key: key.into() }),
        (None, None) => None,
        _ => return Err("`tls.crt` and `tls.key` go together; one of them is missing"),
    };
    Ok(Tls { ca: get("ca.crt", "caFile"), client })
}

/// The certificates that `spec.certSecretRef` names: there must be some.
///
/// # Errors
/// What is missing.
pub fn certificates(data: &BTreeMap<String, String>) -> Result<Tls, &'static str> {
    let tls = tls(data)?;
    if tls == Tls::default() { Err("has none of the keys `ca.crt`, `tls.crt` and `tls.key`") } else { Ok(tls) }
}

/// The proxy of a Secret.
///
/// # Errors
/// What is missing.
pub fn proxy(data: &BTreeMap<String, String>) -> Result<Proxy, &'static str> {
    let address = data.get("address").filter(|it| !it.is_empty()).ok_or("has no key `address`")?;
    if address.len() > ADDRESS {
        return Err("`address` is longer than 2048 characters");
    }
    Ok(Proxy {
        address: address.trim().to_owned(),
        username: data.get("username").cloned(),
        password: data.get("password").map(|it| it.as_str().into()),
    })
}
