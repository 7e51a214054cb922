//! NATS, against Debian's nats-server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluice_api::notification::Provider;
use sluice_notification_controller::sample;
use tempfile::TempDir;

use crate::tls::localhost;

/// The user key of the documentation of nkeys.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs until it is dropped.
struct Server {
    port: u16,
    child: Child,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// `None`, said so, where the program is not installed.
    fn start(config: &str, files: &[(&str, &str)]) -> Option<Server> {
        let path = std::env::var_os("PATH")?;
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let Some(program) = folders.map(|it| it.join("nats-server")).find(|it| it.is_file()) else {
            println!("skipped: nats-server is not installed (Debian package nats-server)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().to_string_lossy().into_owned();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let config = format!("listen: 127.0.0.1:-1\nports_file_dir: \"{at}\"\n{}", config.replace("{dir}", &at));
        std::fs::write(folder.path().join("server.conf"), config).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(folder.path().join("server.conf"));
        command
            .arg("-l")
            .arg(folder.path().join("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let ports = folder.path().join(format!("nats-server_{}.ports", child.id()));
        let start = Instant::now();
        let port = loop {
            let ports: Value =
                std::fs::read(&ports).ok().and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default();
            let address = ports["nats"][0].as_str().and_then(|it| it.rsplit(':').next()?.parse().ok());
            if let Some(port) = address {
                break port;
            }
            let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && start.elapsed() < PATIENCE, "nats-server does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(10));
        };
        Some(Server { port, child, _folder: folder })
    }

    /// Listens to a subject as a user of the server.
    fn subscribe(&self, subject: &str, options: &Value) -> Subscription {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut it = Subscription(BufReader::new(stream));
        let hello = it.line();
        assert!(hello.starts_with("INFO "), "{hello}");
        let mut options = options.clone();
        options["verbose"] = false.into();
        it.say(&format!("CONNECT {options}\r\nSUB {subject} 1\r\nPING\r\n"));
        let answer = it.line();
        assert_eq!(answer, "PONG");
        it
    }
}

struct Subscription(BufReader<TcpStream>);

impl Subscription {
    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next message: its subject and what it says.
    fn message(&mut self) -> (String, Value) {
        loop {
            let line = self.line();
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["MSG", subject, _, length] => {
                    let mut payload = vec![0; length.parse().unwrap()];
                    self.0.read_exact(&mut payload).unwrap();
                    return ((*subject).to_owned(), serde_json::from_slice(&payload).unwrap());
                }
                ["PING"] => self.say("PONG\r\n"),
                _ => assert!(line.starts_with("INFO") || line.is_empty(), "{line}"),
            }
        }
    }
}

/// Sends a sample; why it failed, if it did.
async fn publish(address: &str, secret: &[(&str, &str)]) -> Option<String> {
    let provider: Provider = serde_json::from_value(json!({
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider",
        "metadata": {"name": "nats", "namespace": "default"},
        "spec": {"type": "nats", "address": address, "channel": "flux.events"},
    }))
    .unwrap();
    let own = secret.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    sample::send(&provider, &sample::Secrets { own, ..Default::default() }).await.failure
}

#[track_caller]
fn is_sample((subject, event): (String, Value)) {
    assert_eq!(subject, "flux.events");
    assert_eq!((&event["severity"], &event["reason"]), (&json!("info"), &json!("Sample")));
}

#[tokio::test]
async fn a_user_signs_in_with_a_password() {
    let config = "authorization { users = [ {user: sluice, password: s3cret-word} ] }\n";
    let Some(server) = Server::start(config, &[]) else { return };
    let mut events = server.subscribe("flux.>", &json!({"user": "sluice", "pass": "s3cret-word"}));
    let address = format!("nats://127.0.0.1:{}", server.port);
    let failed = publish(&address, &[("username", "sluice"), ("password", "s3cret-word")]).await;
    assert_eq!(failed, None);
    is_sample(events.message());
    let failed = publish(&address, &[("username", "sluice"), ("password", "another-word")]).await.unwrap();
    assert!(failed.contains("Authorization Violation") && !failed.contains("another-word"), "{failed}");
    // The first server does not answer, the second takes it.
    let failed =
        publish(&format!("nats://127.0.0.1:1,{address}"), &[("username", "sluice"), ("password", "s3cret-word")]).await;
    assert_eq!(failed, None);
    is_sample(events.message());
}

#[tokio::test]
async fn a_user_signs_in_with_a_key() {
    let config = format!("authorization {{ users = [ {{nkey: {PUBLIC}}}, {{user: reader, password: reader}} ] }}\n");
    let Some(server) = Server::start(&config, &[]) else { return };
    let mut events = server.subscribe("flux.>", &json!({"user": "reader", "pass": "reader"}));
    let address = format!("127.0.0.1:{}", server.port);
    assert_eq!(publish(&address, &[("nkey", SEED)]).await, None);
    is_sample(events.message());
    assert!(publish(&address, &[]).await.unwrap().contains("Authorization Violation"));
}

#[tokio::test]
async fn a_user_signs_in_with_a_file_of_credentials() {
    let (operator, account) = (Signer::new(b'O', 1), Signer::new(b'A', 2));
    let user = Signer::new(b'U', 3);
    let operator_jwt = operator.vouch("operator", &operator.public, json!({"type": "operator", "version": 2}));
    let limits = json!({
        "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1, "wildcards": true,
    });
    let account_jwt =
        operator.vouch("account", &account.public, json!({"type": "account", "version": 2, "limits": limits}));
    let allowed = json!({"type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1});
    let user_jwt = account.vouch("user", &user.public, allowed);
    let config = format!(
        "operator: {operator_jwt}\nresolver: MEMORY\nresolver_preload: {{ {}: {account_jwt} }}\n",
        account.public
    );
    let Some(server) = Server::start(&config, &[]) else { return };
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed
    );
    let address = format!("nats://127.0.0.1:{}", server.port);
    assert_eq!(publish(&address, &[("creds", &creds)]).await, None);
    let stranger = Signer::new(b'U', 4);
    let forged = creds.replace(&user.seed, &stranger.seed);
    assert!(publish(&address, &[("creds", &forged)]).await.unwrap().contains("Authorization Violation"));
}

#[tokio::test]
async fn a_connection_is_encrypted() {
    let it = localhost();
    let config = "tls { cert_file: \"{dir}/tls.crt\", key_file: \"{dir}/tls.key\" }\nallow_non_tls: true\n";
    let files = [("tls.crt", it.certificate.as_str()), ("tls.key", it.key.as_str())];
    let Some(server) = Server::start(config, &files) else { return };
    let mut events = server.subscribe("flux.>", &json!({}));
    let address = format!("tls://localhost:{}", server.port);
    assert_eq!(publish(&address, &[("ca.crt", &it.ca)]).await, None);
    is_sample(events.message());
    let failed = publish(&address, &[]).await.unwrap();
    assert!(failed.contains("certificate"), "{failed}");
}

/// Whoever vouches for others in NATS.
struct Signer {
    pair: Ed25519KeyPair,
    public: String,
    seed: String,
}

impl Signer {
    fn new(kind: u8, number: u8) -> Signer {
        // The prefix of a key is chosen so that its text begins with this letter.
        let prefix = (kind - b'A') << 3;
        let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap();
        let mut public = vec![prefix];
        public.extend(pair.public_key().as_ref());
        let mut seed = vec![(b'S' - b'A') << 3 | prefix >> 5, (prefix & 31) << 3];
        seed.extend([number; 32]);
        Signer { pair, public: base32(&public), seed: base32(&seed) }
    }

    /// A token that says something of a key.
    fn vouch(&self, name: &str, of: &str, what: Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims =
            json!({"jti": name, "iat": 1_700_000_000, "iss": self.public, "name": name, "sub": of, "nats": what});
        let signed = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// Base32 of bytes and of their CRC-16.
fn base32(raw: &[u8]) -> String {
    let crc = raw.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    });
    let bytes: Vec<u8> = raw.iter().copied().chain(crc.to_le_bytes()).collect();
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let letter = |five: usize| (0..5).fold(0, |value, at| value << 1 | usize::from(bit(five * 5 + at)));
    (0..(bytes.len() * 8).div_ceil(5)).map(|five| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[letter(five)] as char).collect()
}
