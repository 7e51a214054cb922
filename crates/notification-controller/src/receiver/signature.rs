//! Signatures over bodies.

use aws_lc_rs::hmac;

use super::Refused;

/// Checks `algorithm=hex` against the body.
///
/// # Errors
/// Why not; what was sent is not repeated.
pub fn check(signature: &str, body: &[u8], token: &str) -> Result<(), Refused> {
    if signature.is_empty() {
        return Err(Refused::new("missing signature"));
    }
    let (algorithm, given) = signature.split_once('=').ok_or_else(|| Refused::new("error parsing signature"))?;
    let algorithm = match algorithm {
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => hmac::HMAC_SHA256,
        "sha512" => hmac::HMAC_SHA512,
        _ => return Err(Refused::new("unknown hash type prefix")),
    };
    let given = hex::decode(given).map_err(|_| Refused::new("error decoding signature"))?;
    verify(algorithm, body, &given, token).map_err(|()| Refused::new("payload signature check failed"))
}

/// Nexus signs with SHA-1, and writes no algorithm.
///
/// # Errors
/// When it is missing or wrong.
pub fn nexus(signature: &str, body: &[u8], token: &str) -> Result<(), Refused> {
    if signature.is_empty() {
        return Err(Refused::new("the Nexus signature is missing from header"));
    }
    let invalid = || Refused::new("invalid Nexus signature");
    let given = hex::decode(signature).map_err(|_| invalid())?;
    verify(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, body, &given, token).map_err(|()| invalid())
}

fn verify(algorithm: hmac::Algorithm, body: &[u8], given: &[u8], token: &str) -> Result<(), ()> {
    let key = hmac::Key::new(algorithm, token.as_bytes());
    // Takes the same time whatever differs.
    hmac::verify(&key, body, given).map_err(|_| ())
}
