//! Git over SSH, in this process.
//!
//! The server must prove a key that `known_hosts` names for exactly this host and port; there is no first use. Only
//! the key types that `known_hosts` names are negotiated, so a server cannot fall back to a weaker one.

mod command;
mod known_hosts;
mod proxy;

use crate::access::{Access, Credentials};
use crate::error::{Error, chain, peer_text};
use crate::limits::Limits;
use crate::protocol::{Advert, BoxRead, Packets};
use crate::url::RemoteUrl;
use bytes::Bytes;
use known_hosts::{KnownHosts, Verdict};
use russh::client::{self, AuthResult, Handle};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Preferred, kex};
use sluice_http::Secret;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::io::StreamReader;

/// Bytes kept of what the server's program says on its error stream.
const STDERR: usize = 8 << 10;

/// Which algorithms may be used, by their SSH names; the defaults where empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshAlgorithms {
    /// Key exchange, most wanted first, such as `curve25519-sha256`.
    pub key_exchange: Vec<String>,
    /// Host keys, most wanted first, such as `ssh-ed25519`.
    pub host_key: Vec<String>,
}

/// A conversation with `git-upload-pack` on the other side.
pub(crate) struct Session {
    url: RemoteUrl,
    handle: Handle<Guard>,
    output: ChannelWriteHalf<client::Msg>,
    packets: Packets,
    advert: Advert,
}

impl Session {
    /// Connects, proves both sides, starts the program and reads what it says first.
    pub(crate) async fn connect(
        url: &RemoteUrl,
        access: &Access,
        algorithms: &SshAlgorithms,
        limits: &Limits,
    ) -> Result<Session, Error> {
        let Credentials::Ssh { identity, passphrase, known_hosts } = &access.credentials else {
            unreachable!("`Access::checked` lets nothing else through")
        };
        let key = private_key(url, identity, passphrase.as_ref())?;
        let hosts = KnownHosts::parse(known_hosts);
        let host = known_hosts::spelled(url.host(), url.port());
        let preferred = preferred(url, &hosts, &host, algorithms)?;
        let config = Arc::new(client::Config {
            preferred,
            nodelay: true,
            inactivity_timeout: Some(limits.idle_timeout),
            ..client::Config::default()
        });
        let refusal = Arc::new(Mutex::new(None));
        let guard = Guard { hosts, host: host.clone(), refusal: Arc::clone(&refusal) };
        let stream = proxy::connect(url, access.proxy.as_ref(), limits).await?;
        let connected = tokio::time::timeout(limits.idle_timeout, client::connect_stream(config, stream, guard)).await;
        let connected = connected.map_err(|_| Error::Timeout {
            url: url.to_string(),
            after: limits.idle_timeout,
            during: "agreeing on keys with",
        })?;
        let mut handle = connected.map_err(|err| {
            let refused = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
            refused.unwrap_or_else(|| failed(url, &host, &err))
        })?;
        authenticate(&mut handle, url, key).await?;
        Session::start(handle, url, limits).await
    }

    async fn start(handle: Handle<Guard>, url: &RemoteUrl, limits: &Limits) -> Result<Session, Error> {
        let broken = |err: russh::Error| connection(url, &err);
        let channel = handle.channel_open_session().await.map_err(broken)?;
        // Servers that allow no environment ignore this, and speak version 0.
        channel.set_env(false, "GIT_PROTOCOL", "version=2").await.map_err(broken)?;
        channel.exec(true, command::upload_pack(&url.path())).await.map_err(broken)?;
        let (input, output) = channel.split();
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let input: BoxRead = Box::new(StreamReader::new(Box::pin(bytes_of(input, Arc::clone(&stderr)))));
        let mut packets = Packets::new(input, limits.idle_timeout, url.to_string());
        let advert = Advert::read(&mut packets, limits).await.map_err(|err| {
            // A server that refuses says why on the error stream, and nothing in the protocol.
            let said = stderr.lock().unwrap_or_else(PoisonError::into_inner);
            match err {
                Error::Protocol { .. } if !said.is_empty() => refused(url, &said),
                other => other,
            }
        })?;
        Ok(Session { url: url.clone(), handle, output, packets, advert })
    }

    pub(crate) fn advert(&self) -> &Advert {
        &self.advert
    }

    pub(crate) fn url(&self) -> &RemoteUrl {
        &self.url
    }

    pub(crate) async fn request(&mut self, body: Vec<u8>) -> Result<&mut Packets, Error> {
        self.output.data_bytes(body).await.map_err(|err| connection(&self.url, &err))?;
        Ok(&mut self.packets)
    }

    pub(crate) async fn close(self) {
        // A flush is how a client says that it wants nothing more.
        let _ = self.output.data_bytes(&b"0000"[..]).await;
        let _ = self.output.eof().await;
        let _ = self.handle.disconnect(russh::Disconnect::ByApplication, "", "").await;
    }
}

/// Decides on the server's key.
struct Guard {
    hosts: KnownHosts,
    host: String,
    refusal: Arc<Mutex<Option<Error>>>,
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let reason = match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                let fingerprint = key.fingerprint(HashAlg::Sha256);
                match self.hosts.check(&self.host, key) {
                    Verdict::Known => return Ok(true),
                    Verdict::Unknown => format!("`known_hosts` has no key of this host; it showed {fingerprint}"),
                    Verdict::Changed => format!(
                        "the server showed {fingerprint}, which is not the key in `known_hosts`; if the server was given a \
                         new key, put it there, else somebody is in between"
                    ),
                    Verdict::Revoked => format!("the server's key {fingerprint} is marked @revoked in `known_hosts`"),
                }
            }
            PublicKeyOrCertificate::Certificate(_) => "host certificates are not supported".to_owned(),
        };
        let refusal = Error::HostKey { host: self.host.clone(), reason };
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        Ok(false)
    }
}

fn private_key(url: &RemoteUrl, identity: &Secret, passphrase: Option<&Secret>) -> Result<PrivateKey, Error> {
    decode_secret_key(identity.expose(), passphrase.map(Secret::expose)).map_err(|err| {
        let reason = match err {
            russh::keys::Error::KeyIsEncrypted => {
                "`identity` is encrypted: give its passphrase as `password`".to_owned()
            }
            // What went wrong within may quote the key.
            _ if passphrase.is_some() => "`identity` is no private key, or `password` is not its passphrase".to_owned(),
            _ => "`identity` is no private key in OpenSSH, PEM or PKCS#8 format".to_owned(),
        };
        Error::InvalidCredentials { url: url.to_string(), reason }
    })
}

/// Host key algorithms that `known_hosts` has keys for, and the configured key exchange.
fn preferred(url: &RemoteUrl, hosts: &KnownHosts, host: &str, algorithms: &SshAlgorithms) -> Result<Preferred, Error> {
    let mut preferred = Preferred::DEFAULT;
    let refuse = |reason: String| Error::InvalidCredentials { url: url.to_string(), reason };
    if !algorithms.key_exchange.is_empty() {
        let mut names: Vec<kex::Name> = Vec::new();
        for name in &algorithms.key_exchange {
            names.push(
                kex::Name::try_from(name.as_str()).map_err(|()| refuse(format!("unknown key exchange `{name}`")))?,
            );
        }
        // Not an exchange but the sign of the strict mode that defends against prefix truncation.
        names.push(kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT);
        preferred.kex = Cow::Owned(names);
    }
    let mut keys: Vec<Algorithm> = preferred.key.to_vec();
    if !algorithms.host_key.is_empty() {
        keys.clear();
        for name in &algorithms.host_key {
            let unknown = || refuse(format!("unknown host key algorithm `{name}`"));
            keys.push(name.parse().map_err(|_| unknown())?);
        }
    }
    let known = hosts.algorithms(host);
    if known.is_empty() {
        let reason = hosts.why_none(host);
        return Err(Error::HostKey { host: host.to_owned(), reason });
    }
    keys.retain(|key| known.iter().any(|it| same_type(it, key)));
    if keys.is_empty() {
        let reason =
            "none of its key types in `known_hosts` is allowed by the configured host key algorithms".to_owned();
        return Err(Error::HostKey { host: host.to_owned(), reason });
    }
    preferred.key = Cow::Owned(keys);
    Ok(preferred)
}

/// RSA keys sign with several hashes, everything else is what it is called.
fn same_type(known: &Algorithm, offered: &Algorithm) -> bool {
    known == offered || (known.clone().is_rsa() && offered.clone().is_rsa())
}

async fn authenticate(handle: &mut Handle<Guard>, url: &RemoteUrl, key: PrivateKey) -> Result<(), Error> {
    let broken = |err: russh::Error| connection(url, &err);
    let hash = if key.algorithm().is_rsa() {
        handle.best_supported_rsa_hash().await.map_err(broken)?.flatten().or(Some(HashAlg::Sha256))
    } else {
        None
    };
    let user = url.user().unwrap_or_else(|| "git".to_owned());
    let shown = key.public_key().fingerprint(HashAlg::Sha256);
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    let reason = match handle.authenticate_publickey(user.clone(), key).await.map_err(broken)? {
        AuthResult::Success => return Ok(()),
        AuthResult::Failure { partial_success: true, .. } => "the server wants more than a key".to_owned(),
        AuthResult::Failure { .. } => {
            format!("the server does not accept key {shown} for user `{}`", peer_text(user.as_bytes()))
        }
    };
    Err(Error::AuthenticationFailed { url: url.to_string(), reason })
}

/// The bytes of a channel's output; what is on its error stream goes into `stderr`.
fn bytes_of(
    input: ChannelReadHalf,
    stderr: Arc<Mutex<Vec<u8>>>,
) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send {
    futures::stream::unfold((input, stderr), |(mut input, stderr)| async move {
        loop {
            match input.wait().await? {
                ChannelMsg::Data { data } => return Some((Ok(data), (input, stderr))),
                ChannelMsg::ExtendedData { data, .. } => {
                    let mut said = stderr.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = STDERR.saturating_sub(said.len());
                    said.extend_from_slice(&data[..data.len().min(room)]);
                }
                ChannelMsg::Failure => {
                    return Some((
                        Err(std::io::Error::other("the server does not run git-upload-pack")),
                        (input, stderr),
                    ));
                }
                ChannelMsg::Close => return None,
                _ => {}
            }
        }
    })
}

/// What the server's program said, as the most telling error there is for it.
fn refused(url: &RemoteUrl, said: &[u8]) -> Error {
    let message = peer_text(said);
    let lower = message.to_ascii_lowercase();
    let missing = ["not found", "does not appear to be a git repository", "does not exist", "could not be found"];
    if missing.iter().any(|it| lower.contains(it)) {
        return Error::RepositoryNotFound { url: url.to_string() };
    }
    if lower.contains("permission denied") || lower.contains("access denied") {
        return Error::AuthenticationFailed { url: url.to_string(), reason: message };
    }
    Error::Refused { url: url.to_string(), message }
}

fn connection(url: &RemoteUrl, err: &russh::Error) -> Error {
    Error::Connection { url: url.to_string(), reason: chain(err) }
}

/// Why agreeing on keys failed.
fn failed(url: &RemoteUrl, host: &str, err: &russh::Error) -> Error {
    match err {
        russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, theirs, .. } => {
            let theirs = peer_text(theirs.join(", ").as_bytes());
            let reason = format!("the server has no key of a type in `known_hosts`; it has {theirs}");
            Error::HostKey { host: host.to_owned(), reason }
        }
        other => connection(url, other),
    }
}
