//! Service account tokens: JWTs signed with ES256.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::tls::TlsError;

/// The issuer and the audience of this cluster's tokens.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is none of ours.
    #[error("invalid bearer token")]
    Invalid,
    /// Its time is over.
    #[error("service account token has expired")]
    Expired,
    /// What it stands for is gone.
    #[error("service account token has been invalidated")]
    Revoked,
}

/// For whom a token is.
pub type Audience = Vec<String>;

/// What a token says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    /// The service account's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// For whom the token is; empty for a token from a Secret.
    pub audience: Audience,
    /// Seconds since 1970 when it ends; 0 never.
    pub expires: i64,
    /// Seconds since 1970 when it was made.
    pub issued: i64,
    /// The token's id.
    pub id: String,
    /// Kind (`pod`, `secret`, `node`), name and uid of what it is bound to.
    pub bound: Option<(String, String, String)>,
}

/// Signs and checks tokens.
pub struct Signer {
    pair: EcdsaKeyPair,
    key_id: String,
    random: SystemRandom,
}

impl Signer {
    /// A new key, or the one in `directory`, where a new one is kept.
    ///
    /// # Errors
    /// When the key cannot be made, read or written.
    pub fn open(directory: Option<&Path>) -> Result<Self, TlsError> {
        let path = directory.map(|d| d.join("sa.key"));
        let kept = path.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let key = match &kept {
            Some(pem) => rcgen::KeyPair::from_pem(pem)?,
            None => rcgen::KeyPair::generate()?,
        };
        if let (None, Some(path), Some(directory)) = (&kept, &path, directory) {
            std::fs::create_dir_all(directory)?;
            crate::tls::write_secret(path, &key.serialize_pem())?;
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.serialized_der())
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let key_id = URL_SAFE_NO_PAD.encode(Sha256::digest(pair.public_key().as_ref()));
        Ok(Self { pair, key_id, random: SystemRandom::new() })
    }

    /// The token that says `claims`.
    pub fn sign(&self, claims: &Claims) -> String {
        let mut private = json!({
            "namespace": claims.namespace,
            "serviceaccount": {"name": claims.name, "uid": claims.uid},
        });
        if let Some((kind, name, uid)) = &claims.bound {
            private[kind] = json!({"name": name, "uid": uid});
        }
        let mut payload = json!({
            "iss": ISSUER,
            "sub": format!("system:serviceaccount:{}:{}", claims.namespace, claims.name),
            "kubernetes.io": private,
        });
        if !claims.audience.is_empty() {
            payload["aud"] = json!(claims.audience);
        }
        if claims.expires != 0 {
            payload["exp"] = claims.expires.into();
            payload["iat"] = claims.issued.into();
            payload["nbf"] = claims.issued.into();
            payload["jti"] = claims.id.as_str().into();
        }
        let header = json!({"alg": "ES256", "kid": self.key_id});
        let body =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload.to_string()));
        let signature = self.pair.sign(&self.random, body.as_bytes()).expect("a P-256 key signs any message");
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// What a token says, if this signer made it and its time is not over.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let (body, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let (_, payload) = body.split_once('.').ok_or(TokenError::Invalid)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Invalid);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref());
        public.verify(body.as_bytes(), &decode(signature)?).map_err(|_| TokenError::Invalid)?;
        let payload: Value = serde_json::from_slice(&decode(payload)?).map_err(|_| TokenError::Invalid)?;
        let private = &payload["kubernetes.io"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bound = ["pod", "secret", "node"].into_iter().find_map(|kind| {
            let object = private.get(kind)?;
            Some((kind.to_owned(), text(&object["name"]), text(&object["uid"])))
        });
        let claims = Claims {
            namespace: text(&private["namespace"]),
            name: text(&private["serviceaccount"]["name"]),
            uid: text(&private["serviceaccount"]["uid"]),
            audience: payload["aud"].as_array().into_iter().flatten().map(text).collect(),
            expires: payload["exp"].as_i64().unwrap_or(0),
            issued: payload["iat"].as_i64().unwrap_or(0),
            id: text(&payload["jti"]),
            bound,
        };
        if claims.expires != 0 && claims.expires <= jiff::Timestamp::now().as_second() {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }

    /// The public key as a JSON Web Key Set.
    pub fn key_set(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        // An uncompressed point: 4, then x and y of 32 bytes each.
        let (x, y) = point[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{
            "use": "sig", "kty": "EC", "kid": self.key_id, "crv": "P-256", "alg": "ES256",
            "x": encode(x), "y": encode(y),
        }]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_was_signed_and_nothing_else_passes() {
        let signer = Signer::open(None).unwrap();
        let claims = Claims {
            namespace: "n".into(),
            name: "s".into(),
            uid: "u".into(),
            audience: vec!["a".into()],
            expires: i64::MAX,
            issued: 5,
            id: "i".into(),
            bound: Some(("pod".into(), "p".into(), "q".into())),
        };
        let token = signer.sign(&claims);
        assert_eq!(signer.verify(&token), Ok(claims.clone()));
        assert_eq!(Signer::open(None).unwrap().verify(&token), Err(TokenError::Invalid));
        assert_eq!(signer.verify("x"), Err(TokenError::Invalid));
        assert_eq!(signer.verify("a.b.c"), Err(TokenError::Invalid));
        let old = signer.sign(&Claims { expires: 1, ..claims });
        assert_eq!(signer.verify(&old), Err(TokenError::Expired));
    }
}
