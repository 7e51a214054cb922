//! Sockets: TLS, connections, shutdown.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::auth::{Identity, MASTERS, subject};
use crate::config::Config;
use crate::core::{Core, keys_of};
use crate::handler::{self, Peer};
use crate::kubeconfig::{Credential, kubeconfig};
use crate::local::Local;
use crate::store::LogError;
use crate::tls::{Authority, TlsError, server_names, write_secret};
use crate::{controllers, crd, simulate};

/// A client that has not finished its TLS handshake by then is let go.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Certificates or keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The data directory.
    #[error(transparent)]
    Data(#[from] LogError),
    /// The audit log.
    #[error("audit log {path}: {source}")]
    AuditLog {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The kubeconfig cannot be written.
    #[error("kubeconfig {path}: {source}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A running server. Dropping it stops it; [`Server::shutdown`] also waits.
pub struct Server {
    core: Arc<Core>,
    authority: Authority,
    address: SocketAddr,
    url: String,
    kubeconfig: String,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// Starts a server; it answers when this returns.
///
/// # Errors
/// See [`StartError`].
pub async fn start(config: Config) -> Result<Server, StartError> {
    let keys = config.data_dir.as_deref().map(keys_of);
    let authority = Authority::open(keys.as_deref())?;
    let core = Arc::new(Core::open(&config, &authority)?);
    crd::reload(&core);
    controllers::bootstrap(&core);
    let names = server_names(config.listen.ip(), &config.names);
    let tls = TlsAcceptor::from(Arc::new(authority.server(&names)?));
    let failed = |source| StartError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let host = match config.names.first() {
        Some(name) => name.clone(),
        None if address.ip().is_unspecified() => "127.0.0.1".into(),
        None if address.is_ipv6() => format!("[{}]", address.ip()),
        None => address.ip().to_string(),
    };
    let url = format!("https://{host}:{}", address.port());
    let admin = authority.client("kubernetes-admin", MASTERS)?;
    let kubeconfig = kubeconfig(&url, authority.certificate(), "kubernetes-admin", &Credential::Certificate(&admin));
    if let Some(path) = &config.kubeconfig_out {
        let failed = |source| StartError::Kubeconfig { path: path.clone(), source };
        write_secret(path, &kubeconfig).map_err(failed)?;
    }
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    if config.controllers {
        tasks.spawn(controllers::run(core.clone(), stop.clone()));
    }
    if config.simulate {
        tasks.spawn(simulate::run(core.clone(), config.simulation.clone(), stop.clone()));
    }
    if config.data_dir.is_some() {
        tasks.spawn(keep_synced(core.clone(), stop.clone()));
    }
    tasks.spawn(accept(core.clone(), listener, tls, stop.clone()));
    Ok(Server { core, authority, address, url, kubeconfig, stop, tasks })
}

impl Server {
    /// `https://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// The authority's certificate, PEM.
    pub fn authority(&self) -> &str {
        self.authority.certificate()
    }

    /// A kubeconfig for a user known by a token.
    pub fn kubeconfig_for(&self, user: &str, token: &str) -> String {
        kubeconfig(&self.url, self.authority(), user, &Credential::Token(token))
    }

    /// Its faults on purpose.
    pub fn faults(&self) -> &crate::Faults {
        &self.core.faults
    }

    /// The time that workloads see.
    pub fn clock(&self) -> &crate::Clock {
        &self.core.clock
    }

    /// A client inside the process, with every right.
    pub fn local(&self) -> Local {
        Local::new(self.core.clone(), "local")
    }

    /// Stops answering, ends all watches, and returns when everything is written.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = self.core.store.sync() {
            tracing::error!(%error, "data directory");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Writes reach the disk a moment after they are acknowledged; they survive this process at once.
async fn keep_synced(core: Arc<Core>, stop: CancellationToken) {
    let mut round = 0u32;
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = stop.cancelled() => return,
        }
        round = round.wrapping_add(1);
        let core = core.clone();
        let work = move || match round % 600 {
            0 => core.store.compact(),
            _ => core.store.sync(),
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(work).await {
            tracing::error!(%error, "data directory");
        }
    }
}

async fn accept(core: Arc<Core>, listener: TcpListener, tls: TlsAcceptor, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(core.clone(), stream, peer, tls.clone(), stop.clone()));
                }
                Err(error) => {
                    // Out of descriptors, most likely: waiting lets some be closed.
                    tracing::warn!(%error, "accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = stop.cancelled() => break,
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn connection(core: Arc<Core>, stream: TcpStream, peer: SocketAddr, tls: TlsAcceptor, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let stream = tokio::select! {
        accepted = tokio::time::timeout(HANDSHAKE, tls.accept(stream)) => match accepted {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, %peer, "TLS"),
            Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
        },
        () = stop.cancelled() => return,
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| {
        let (name, groups) = subject(chain.first()?)?;
        Some(Arc::new(Identity::known(name, groups)))
    });
    let peer = Peer { address: peer.ip().to_string(), certificate };
    let service = {
        let stop = stop.clone();
        service_fn(move |request| {
            let (core, peer, stop) = (core.clone(), peer.clone(), stop.clone());
            async move { handler::handle(core, peer, stop, request).await }
        })
    };
    let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(60)).max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(1000)
        .max_header_list_size(64 << 10)
        .keep_alive_interval(Duration::from_secs(30));
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            match tokio::time::timeout(Duration::from_secs(2), serving.as_mut()).await {
                Ok(result) => result,
                Err(_) => Ok(()),
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection");
    }
}
