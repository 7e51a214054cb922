//! Tokens: JWS in its compact form, checked against the keys that an issuer publishes (RFC 7515, 7517, 7519).

use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Refused;

/// No token may be longer.
const TOKEN: usize = 64 * 1024;
/// No more keys of one issuer are looked at.
const KEYS: usize = 256;

/// A token that has been read, and not yet believed.
pub struct Token<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    /// Header.
    pub header: Value,
    /// Claims.
    pub claims: Value,
}

/// Reads a token.
///
/// # Errors
/// When it is none.
pub fn parse(text: &str) -> Result<Token<'_>, Refused> {
    if text.len() > TOKEN {
        return Err(Refused::new(format!("the token is longer than {TOKEN} bytes")));
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err(Refused::new("token is not a JWT")) };
    let part = |what: &str, text: &str| -> Result<Vec<u8>, Refused> {
        URL_SAFE_NO_PAD.decode(text).map_err(|_| Refused::new(format!("failed to decode token {what}")))
    };
    let object = |what: &str, text: &str| -> Result<Value, Refused> {
        let value: Option<Value> = serde_json::from_slice(&part(what, text)?).ok();
        value.filter(Value::is_object).ok_or_else(|| Refused::new(format!("the {what} of the token is no JSON object")))
    };
    Ok(Token {
        claims: object("payload", claims)?,
        header: object("header", header)?,
        signature: part("signature", signature)?,
        signed: &text[..header.len() + 1 + claims.len()],
    })
}

/// The keys of an issuer, and the algorithms it signs with.
#[derive(Clone, Debug)]
pub struct Keys {
    keys: Vec<Value>,
    algorithms: Vec<String>,
}

impl Keys {
    /// Reads a JWK set. `algorithms` are those that the issuer names; none means RS256.
    #[must_use]
    pub fn new(jwks: &Value, algorithms: Vec<String>) -> Keys {
        let keys = jwks["keys"].as_array().into_iter().flatten().take(KEYS).cloned().collect();
        // `none` and secrets shared with the issuer are no signatures, whoever names them.
        let mut algorithms: Vec<String> = algorithms.into_iter().filter(|it| is_known(it)).collect();
        if algorithms.is_empty() {
            algorithms.push("RS256".to_owned());
        }
        Keys { keys, algorithms }
    }

    /// Whether one of the keys made the signature.
    ///
    /// # Errors
    /// When none did.
    pub fn verify(&self, token: &Token<'_>) -> Result<(), Refused> {
        let algorithm = token.header["alg"].as_str().unwrap_or_default();
        if !self.algorithms.iter().any(|it| it == algorithm) {
            let shown = sluice_http::peer_text(algorithm.as_bytes());
            return Err(Refused::new(format!(
                "unexpected signature algorithm \"{shown}\"; expected {:?}",
                self.algorithms
            )));
        }
        let kid = token.header["kid"].as_str();
        let fits = |key: &&Value| {
            kid.is_none_or(|kid| key["kid"] == kid)
                && key["use"].as_str().is_none_or(|it| it == "sig")
                && key["alg"].as_str().is_none_or(|it| it == algorithm)
        };
        let verified = self.keys.iter().filter(fits).any(|key| made(key, algorithm, token).is_some());
        if verified { Ok(()) } else { Err(Refused::new("failed to verify id token signature")) }
    }
}

fn is_known(algorithm: &str) -> bool {
    rsa(algorithm).is_some() || elliptic(algorithm).is_some() || algorithm == "EdDSA"
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Algorithm, name of the curve, bytes of a coordinate.
fn elliptic(algorithm: &str) -> Option<(&'static dyn VerificationAlgorithm, &'static str, usize)> {
    Some(match algorithm {
        "ES256" => (&ECDSA_P256_SHA256_FIXED, "P-256", 32),
        "ES384" => (&ECDSA_P384_SHA384_FIXED, "P-384", 48),
        "ES512" => (&ECDSA_P521_SHA512_FIXED, "P-521", 66),
        _ => return None,
    })
}

/// `Some` when the key made the signature.
fn made(key: &Value, algorithm: &str, token: &Token<'_>) -> Option<()> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?.trim_end_matches('=')).ok();
    let message = token.signed.as_bytes();
    if let Some(parameters) = rsa(algorithm) {
        if key["kty"] != "RSA" {
            return None;
        }
        let public = RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
        return public.verify(parameters, message, &token.signature).ok();
    }
    if let Some((parameters, curve, length)) = elliptic(algorithm) {
        let (x, y) = (number("x")?, number("y")?);
        if key["kty"] != "EC" || key["crv"] != curve || x.len() != length || y.len() != length {
            return None;
        }
        let point = [&[4][..], &x, &y].concat();
        return UnparsedPublicKey::new(parameters, point).verify(message, &token.signature).ok();
    }
    if key["kty"] != "OKP" || key["crv"] != "Ed25519" {
        return None;
    }
    UnparsedPublicKey::new(&ED25519, number("x")?).verify(message, &token.signature).ok()
}
