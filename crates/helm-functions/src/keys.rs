//! Private keys in PEM, in the formats that Go's standard library writes.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use sluice_gotemplate::{Error, Functions};

use crate::convert::{STR, ok, text};

pub(crate) fn add(f: &mut Functions) {
    f.add("genPrivateKey", &[STR], None, |call, a| {
        let kind = text(&a[0]);
        if !matches!(&*kind, "" | "rsa" | "ecdsa" | "ed25519" | "dsa") {
            return ok(format!("Unknown type {kind}"));
        }
        call.expensive()?;
        ok(match &*kind {
            "ecdsa" => ecdsa()?,
            "ed25519" => ed25519()?,
            "dsa" => return Err(Error::new("keys of the retired type dsa are not made: use rsa, ecdsa or ed25519")),
            _ => rsa(KeySize::Rsa4096)?,
        })
    });
}

fn failed() -> Error {
    Error::new("failed to generate private key")
}

/// `RSA PRIVATE KEY`: PKCS #1.
pub(crate) fn rsa(size: KeySize) -> Result<String, Error> {
    let key = rsa::KeyPair::generate(size).map_err(|_| failed())?;
    let wrapped = key.as_der().map_err(|_| failed())?;
    let inner = pkcs8_content(wrapped.as_ref()).ok_or_else(failed)?;
    Ok(pem("RSA PRIVATE KEY", inner))
}

/// `EC PRIVATE KEY`: SEC 1, of the curve P-256.
fn ecdsa() -> Result<String, Error> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| failed())?;
    let der = key.private_key().as_der().map_err(|_| failed())?;
    Ok(pem("EC PRIVATE KEY", der.as_ref()))
}

/// `PRIVATE KEY`: PKCS #8, version 1.
fn ed25519() -> Result<String, Error> {
    let key = Ed25519KeyPair::generate().map_err(|_| failed())?;
    let der = key.to_pkcs8v1().map_err(|_| failed())?;
    Ok(pem("PRIVATE KEY", der.as_ref()))
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The key inside PKCS #8: version, algorithm, then an octet string.
fn pkcs8_content(der: &[u8]) -> Option<&[u8]> {
    let (body, _) = element(der, 0x30)?;
    let (_, rest) = element(body, 0x02)?;
    let (_, rest) = element(rest, 0x30)?;
    element(rest, 0x04).map(|(key, _)| key)
}

/// The content of one DER element and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], mut rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f)).filter(|(bytes, _)| bytes.len() < 5)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    rest.split_at_checked(length)
}
