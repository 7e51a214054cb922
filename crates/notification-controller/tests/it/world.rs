//! Services and issuers that answer as the recorded ones did.

use std::sync::Mutex;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_notification_controller::exchange::{Answer, Exchange, NoAnswer, Request};
use sluice_notification_controller::provider::Talk;
use sluice_notification_controller::receiver::{Issuers, Keys, Refused};

/// Notes requests and answers as if nothing was there yet.
#[derive(Default)]
pub struct Services {
    pub requests: Mutex<Vec<Request>>,
}

impl Exchange for Services {
    async fn http(&self, request: Request) -> Result<Answer, NoAnswer> {
        let path = request.url.path().to_owned();
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let is_get = request.method == "GET";
        self.requests.lock().unwrap().push(request);
        let (status, body) = match () {
            () if host == "169.254.169.254" => return Err(NoAnswer { why: "no route".to_owned(), may_pass: false }),
            () if path.contains("fail400") => (400, json!({"error": "bad request"})),
            () if path.ends_with("/api/chat.postMessage") => (200, json!({"ok": true})),
            () if path.ends_with("/version") => (200, json!({"version": "1.22.0"})),
            () if path.ends_with("/user") => (200, json!({"login": "flux-bot", "username": "flux-bot", "id": 1})),
            () if is_get && path.contains("/statuses/build/") => (404, Value::Null),
            () if is_get && path.ends_with("/builds") => (404, Value::Null),
            () if is_get && host == "dev.azure.com" => (200, json!({"count": 0, "value": []})),
            () if is_get => (200, json!([])),
            () => (201, json!({})),
        };
        Ok(Answer { status, body: body.to_string().into_bytes(), ..Answer::default() })
    }

    async fn converse(&self, _: Talk) -> Result<(), NoAnswer> {
        Ok(())
    }
}

/// Issuers of tokens.
pub struct Authority {
    published: KeyPair,
    other: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let make = || KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        Authority { published: make(), other: make() }
    }

    /// The token that a case describes.
    pub fn token(&self, it: &Value) -> String {
        let now = Timestamp::now().as_second();
        let mut claims = it["claims"].clone();
        for (name, from) in [("exp", "expIn"), ("nbf", "nbfIn"), ("iat", "iatIn")] {
            if let Some(shift) = it[from].as_i64() {
                claims[name] = (now + shift).into();
            }
        }
        let algorithm = it["alg"].as_str().unwrap_or("RS256");
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": it["kid"].as_str().unwrap_or("k1")});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let key = if it["key"] == "other" { &self.other } else { &self.published };
        let encoding = match algorithm {
            "RS384" => &RSA_PKCS1_SHA384,
            "RS512" => &RSA_PKCS1_SHA512,
            _ => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("a key signs");
        let signature = if algorithm == "none" { String::new() } else { URL_SAFE_NO_PAD.encode(signature) };
        format!("{signed}.{signature}")
    }
}

impl Issuers for Authority {
    async fn keys(&self, issuer: &str) -> Result<Keys, Refused> {
        match issuer {
            "https://issuer.example.com" | "https://issuer2.example.com" => {
                let key = self.published.public_key();
                let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
                let n = number(key.modulus().big_endian_without_leading_zero());
                let e = number(key.exponent().big_endian_without_leading_zero());
                let jwks = json!({"keys": [{"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "n": n, "e": e}]});
                Ok(Keys::new(&jwks, vec!["RS256".to_owned()]))
            }
            _ => Err(Refused(format!("no issuer {issuer}"))),
        }
    }

    async fn google(&self, token: &str, _: &str) -> Result<Value, Refused> {
        match token {
            "good" => Ok(json!({"email": "gcr@example.com", "email_verified": true})),
            _ => Err(Refused("invalid token".to_owned())),
        }
    }
}
