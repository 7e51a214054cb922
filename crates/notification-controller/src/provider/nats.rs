//! NATS: one message, published and confirmed.

use std::fmt;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluice_http::{Secret, Tls, peer_text};

use super::Talk;
use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, NoAnswer};
use crate::wire::Wire;

/// A message for a server of NATS.
pub struct Publish {
    /// Servers, any of which will do.
    pub servers: Vec<(String, u16, bool)>,
    /// Subject.
    pub subject: String,
    /// What is published.
    pub payload: Vec<u8>,
    /// Who we are.
    pub login: Login,
}

/// Who we are to NATS.
#[derive(Clone)]
pub enum Login {
    /// Nobody.
    Anonymous,
    /// A user.
    Password(String, Secret),
    /// A key, perhaps with the token that vouches for it.
    Key {
        /// The token of a credentials file.
        jwt: Option<Secret>,
        /// The seed.
        seed: Secret,
    },
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publish({})", self.subject)
    }
}

/// Publishes the event on the subject that `spec.channel` names.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    if target.address.expose().is_empty() {
        return Err(Failure::setup("NATS needs the server as spec.address"));
    }
    let subject = target.channel.as_str();
    if subject.is_empty() || subject.contains(char::is_whitespace) {
        return Err(Failure::setup("NATS needs the subject, one word, as spec.channel"));
    }
    let servers = target.address.expose().split(',').map(server).collect::<Result<_, _>>()?;
    let login = match (target.secret("creds"), target.secret("nkey")) {
        (Some(creds), _) => credentials(creds)?,
        (None, Some(seed)) => Login::Key { jwt: None, seed: seed.clone() },
        (None, None) if !target.username.is_empty() => {
            Login::Password(target.username.clone(), target.password.clone())
        }
        (None, None) => Login::Anonymous,
    };
    if let Login::Key { seed, .. } = &login {
        key(seed).ok_or_else(|| Failure::setup("the seed of NATS in the Secret is none"))?;
    }
    let publish = Publish { servers, subject: subject.to_owned(), payload: crate::json::to_vec(event), login };
    exchange.converse(Talk::Nats(publish)).await.map_err(Failure::from)
}

fn server(text: &str) -> Result<(String, u16, bool), Failure> {
    let wrong = || Failure::setup("the address of NATS is written `nats://host:4222` or `tls://host:4222`");
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
    let tls = match scheme {
        "nats" => false,
        "tls" => true,
        _ => return Err(wrong()),
    };
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
        None => (rest, 4222),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port, tls))
}

/// Token and seed of a credentials file.
fn credentials(file: &Secret) -> Result<Login, Failure> {
    let between = |label: &str| -> Option<Secret> {
        let (_, rest) = file.expose().split_once(&format!("-----BEGIN {label}-----"))?;
        // The line that ends a part has five dashes before and five or six after.
        let (text, _) = rest.split_once("---")?;
        Some(text.trim().trim_matches('-').trim().into())
    };
    let (Some(jwt), Some(seed)) = (between("NATS USER JWT"), between("USER NKEY SEED")) else {
        return Err(Failure::setup("`creds` of the Secret is no credentials file of NATS"));
    };
    Ok(Login::Key { jwt: Some(jwt), seed })
}

/// The key of a seed: base32 of two bytes of prefix, 32 of seed and two of checksum.
fn key(seed: &Secret) -> Option<(Ed25519KeyPair, u8)> {
    let raw = base32_decode(seed.expose().trim())?;
    let kind = (raw.first()? & 7) << 5 | (raw.get(1)? & 0xf8) >> 3;
    let is_seed = raw.len() == 36 && raw[0] & 0xf8 == 18 << 3;
    let pair = Ed25519KeyPair::from_seed_unchecked(raw.get(2..34)?).ok()?;
    is_seed.then_some((pair, kind))
}

/// The public half, as NATS writes it.
fn public(pair: &Ed25519KeyPair, kind: u8) -> String {
    use aws_lc_rs::signature::KeyPair as _;
    let mut raw = vec![kind];
    raw.extend(pair.public_key().as_ref());
    let sum = crc16(&raw);
    raw.extend(sum.to_le_bytes());
    base32_encode(&raw)
}

/// Publishes on the first server that takes it.
///
/// # Errors
/// What the last one said.
pub async fn publish(it: &Publish, tls: &Tls) -> Result<(), NoAnswer> {
    let mut last = NoAnswer { why: "no server of NATS is named".to_owned(), may_pass: false };
    for (host, port, wants_tls) in &it.servers {
        match publish_at(it, tls, host, *port, *wants_tls).await {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn broken(error: &std::io::Error) -> NoAnswer {
    NoAnswer { why: format!("NATS: {}", peer_text(error.to_string().as_bytes())), may_pass: true }
}

async fn publish_at(it: &Publish, tls: &Tls, host: &str, port: u16, wants_tls: bool) -> Result<(), NoAnswer> {
    let mut wire = Wire::connect(host, port).await.map_err(|error| broken(&error))?;
    let hello = wire.line().await.map_err(|error| broken(&error))?;
    let info: Value = hello.strip_prefix("INFO ").and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
    if wants_tls || info["tls_required"] == true {
        wire = wire.secure(host, tls).await.map_err(|error| broken(&error))?;
    }
    let connect = format!("CONNECT {}\r\n", options(&it.login, info["nonce"].as_str().unwrap_or_default()));
    let mut out = connect.into_bytes();
    out.extend(format!("PUB {} {}\r\n", it.subject, it.payload.len()).bytes());
    out.extend(&it.payload);
    out.extend(b"\r\nPING\r\n");
    wire.send(&out).await.map_err(|error| broken(&error))?;
    // The answer to PING comes after everything before it was taken.
    loop {
        let line = wire.line().await.map_err(|error| broken(&error))?;
        match line.split(' ').next().unwrap_or_default() {
            "PONG" => return Ok(()),
            "PING" => wire.send(b"PONG\r\n").await.map_err(|error| broken(&error))?,
            "-ERR" => {
                let may_pass = !line.contains("Authorization") && !line.contains("Permissions");
                return Err(NoAnswer { why: format!("NATS: {}", peer_text(line.as_bytes())), may_pass });
            }
            _ => {}
        }
    }
}

fn options(login: &Login, nonce: &str) -> Value {
    let mut options = json!({
        "verbose": false, "pedantic": false, "name": "notification-controller", "lang": "rust",
        "version": env!("CARGO_PKG_VERSION"), "protocol": 1, "echo": false,
    });
    match login {
        Login::Anonymous => {}
        Login::Password(user, password) => {
            options["user"] = user.as_str().into();
            options["pass"] = password.expose().into();
        }
        Login::Key { jwt, seed } => {
            if let Some((pair, kind)) = key(seed) {
                options["sig"] = URL_SAFE_NO_PAD.encode(pair.sign(nonce.as_bytes())).into();
                match jwt {
                    Some(jwt) => options["jwt"] = jwt.expose().into(),
                    None => options["nkey"] = public(&pair, kind).into(),
                }
            }
        }
    }
    options
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32_decode(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut buffer, mut out) = (0, 0_u32, Vec::new());
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|it| *it == byte)?;
        buffer = buffer << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits & 0xff) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    Some(out)
}

fn base32_encode(raw: &[u8]) -> String {
    let (mut bits, mut buffer, mut out) = (0, 0_u32, String::new());
    for byte in raw {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(ALPHABET[(buffer >> bits & 31) as usize] as char);
            buffer &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        out.push(ALPHABET[(buffer << (5 - bits) & 31) as usize] as char);
    }
    out
}

/// CRC-16 of XMODEM, the checksum of keys.
fn crc16(raw: &[u8]) -> u16 {
    raw.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_scheme_and_port() {
        assert_eq!(server("nats.example.com").unwrap(), ("nats.example.com".to_owned(), 4222, false));
        assert_eq!(server("tls://h:1").unwrap(), ("h".to_owned(), 1, true));
        for bad in ["", "not a url", "https://h", "nats://:1", "h:x"] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_seed_is_a_key() {
        // The user key of the documentation of nkeys.
        let (pair, kind) = key(&"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY".into()).unwrap();
        assert_eq!(public(&pair, kind), "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4");
        for bad in ["", "SUAC", "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4", "ä"] {
            assert!(key(&bad.into()).is_none(), "{bad}");
        }
    }
}
