//! E-mail, against a server that speaks SMTP with and without encryption.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use sluice_api::notification::Provider;
use sluice_notification_controller::sample::{self, Tried};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::tls::localhost;

/// How the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It offers encryption and signing in after that.
    StartTls,
    /// It is encrypted from the start.
    Encrypted,
    /// It knows no encryption and nobody.
    Open,
    /// It has no time now.
    Busy,
    /// It does not know the recipient.
    Refusing,
}

/// What it took: commands and mails.
#[derive(Default)]
struct Taken {
    commands: Vec<String>,
    mails: Vec<String>,
}

struct Server {
    port: u16,
    ca: String,
    taken: Arc<Mutex<Taken>>,
}

async fn serve(kind: Kind) -> Server {
    let it = localhost();
    let chain: Vec<_> = CertificateDer::pem_slice_iter(it.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(it.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = Arc::new(Mutex::new(Taken::default()));
    let server = Server { port, ca: it.ca, taken: taken.clone() };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, taken) = (acceptor.clone(), taken.clone());
            tokio::spawn(async move {
                if kind == Kind::Encrypted {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    talk(BufReader::new(stream), kind, true, &taken).await;
                    return;
                }
                let mut stream = BufReader::new(stream);
                if let Some(()) = talk(&mut stream, kind, false, &taken).await {
                    let Ok(stream) = acceptor.accept(stream.into_inner()).await else { return };
                    talk(BufReader::new(stream), kind, true, &taken).await;
                }
            });
        }
    });
    server
}

/// A conversation; `Some` when it goes on encrypted.
async fn talk<S>(mut stream: S, kind: Kind, encrypted: bool, taken: &Mutex<Taken>) -> Option<()>
where
    S: tokio::io::AsyncBufRead + AsyncRead + AsyncWrite + Unpin,
{
    let first = if kind == Kind::Busy { "421 come back later\r\n" } else { "220 ready\r\n" };
    if !encrypted || kind == Kind::Encrypted {
        stream.write_all(first.as_bytes()).await.ok()?;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        taken.lock().unwrap().commands.push(format!("{}{line}", if encrypted { "tls " } else { "" }));
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let answer = match word.as_str() {
            "EHLO" if kind == Kind::StartTls && !encrypted => "250-localhost\r\n250 STARTTLS\r\n",
            "EHLO" if kind == Kind::Open => "250 localhost\r\n",
            "EHLO" => "250-localhost\r\n250 AUTH LOGIN PLAIN\r\n",
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await.ok()?;
                return Some(());
            }
            "AUTH" => match line == format!("AUTH PLAIN {}", STANDARD.encode("\0me@example.com\0s3cret-word")) {
                true => "235 welcome\r\n",
                false => "535 who are you\r\n",
            },
            "RCPT" if kind == Kind::Refusing => "550 nobody of that name\r\n",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.ok()?;
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") {
                    if stream.read_line(&mut mail).await.ok()? == 0 {
                        return None;
                    }
                }
                taken.lock().unwrap().mails.push(mail);
                "250 taken\r\n"
            }
            "QUIT" => return None,
            _ => "250 fine\r\n",
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

async fn mail(server: &Server, scheme: &str, secret: &[(&str, &str)]) -> Tried {
    let provider: Provider = serde_json::from_value(json!({
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider",
        "metadata": {"name": "mail", "namespace": "default"},
        "spec": {
            "type": "generic", "address": format!("{scheme}://localhost:{}", server.port),
            "channel": "team@example.com, ops@example.com",
        },
    }))
    .unwrap();
    let own = secret.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    sample::send(&provider, &sample::Secrets { own, ..Default::default() }).await
}

/// The only mail, its body decoded.
fn only_mail(server: &Server) -> (String, String) {
    let taken = server.taken.lock().unwrap();
    let [mail] = taken.mails.as_slice() else { panic!("{} mails", taken.mails.len()) };
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let body: String = body.trim_end_matches(".\r\n").split_whitespace().collect();
    (head.to_owned(), String::from_utf8(STANDARD.decode(body).unwrap()).unwrap())
}

#[tokio::test]
async fn a_mail_is_handed_in_encrypted() {
    for (kind, scheme) in [(Kind::StartTls, "smtp"), (Kind::Encrypted, "smtps")] {
        let server = serve(kind).await;
        let login = [("username", "me@example.com"), ("password", "s3cret-word"), ("ca.crt", server.ca.as_str())];
        let tried = mail(&server, scheme, &login).await;
        assert_eq!(tried.failure, None, "{kind:?}");
        let (head, body) = only_mail(&server);
        assert!(head.contains("From: <me@example.com>\r\nTo: <team@example.com>, <ops@example.com>\r\n"), "{head}");
        assert!(body.contains("Kustomization/default/sample\nSample\n\nThis is a sample"), "{body}");
        let taken = server.taken.lock().unwrap();
        // All but the greeting and the wish for encryption is encrypted.
        let clear: Vec<&String> = taken.commands.iter().filter(|it| !it.starts_with("tls ")).collect();
        assert!(clear.iter().all(|it| it.starts_with("EHLO") || *it == "STARTTLS"), "{clear:?}");
        let recipients = taken.commands.iter().filter(|it| it.starts_with("tls RCPT TO:<")).count();
        assert_eq!(recipients, 2);
        assert!(!tried.exchange.join("\n").contains("s3cret-word"));
    }
}

#[tokio::test]
async fn a_server_that_is_not_who_it_says_gets_no_password() {
    let server = serve(Kind::StartTls).await;
    let tried = mail(&server, "smtp", &[("username", "me@example.com"), ("password", "s3cret-word")]).await;
    assert!(tried.failure.unwrap().contains("certificate"));
    assert!(server.taken.lock().unwrap().commands.iter().all(|it| !it.contains("AUTH")));
}

#[tokio::test]
async fn a_server_without_encryption_on_this_machine_will_do() {
    let server = serve(Kind::Open).await;
    let tried = mail(&server, "smtp", &[("from", "me@example.com")]).await;
    assert_eq!(tried.failure, None);
    assert!(only_mail(&server).0.contains("From: <me@example.com>"));
}

#[tokio::test]
async fn what_the_server_says_is_told() {
    for (kind, said) in [(Kind::Busy, "421 come back later"), (Kind::Refusing, "550 nobody of that name")] {
        let server = serve(kind).await;
        let failure = mail(&server, "smtp", &[("from", "me@example.com")]).await.failure.unwrap();
        assert!(failure.contains(said), "{failure}");
    }
    let server = serve(Kind::StartTls).await;
    let login = [("username", "me@example.com"), ("password", "wrong-word"), ("ca.crt", server.ca.as_str())];
    let failure = mail(&server, "smtp", &login).await.failure.unwrap();
    assert!(failure.contains("535 who are you") && !failure.contains("wrong-word"), "{failure}");
}
