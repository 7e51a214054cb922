//! The HTTP server that consumers download from.
//!
//! It serves files by their [`Location`] and nothing else: no listing, no temporary file, no path outside of the
//! folder. What clients of Go's file server rely on is there: HEAD, ranges, conditional requests.

mod respond;
mod stall;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use stall::Stalling;

#[cfg(doc)]
use crate::Location;

/// How patient the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// For a whole request head, and for the next one on an open connection.
    pub header_timeout: Duration,
    /// For a client that reads nothing of its response.
    pub stall_timeout: Duration,
    /// Connections at once; more wait.
    pub connections: usize,
    /// For downloads under way when the server stops.
    pub grace: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            connections: 1000,
            grace: Duration::from_secs(5),
        }
    }
}

/// Serves the artifacts in the folder `root` until `shutdown` is ready, then finishes what is under way.
///
/// # Errors
/// None today; the listener's errors are logged, and it goes on.
pub async fn serve(
    listener: TcpListener,
    root: PathBuf,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let root: Arc<PathBuf> = Arc::new(root);
    let seats = Arc::new(Semaphore::new(options.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let next = async {
            // The semaphore is never closed.
            let seat = Arc::clone(&seats).acquire_owned().await.ok();
            (seat, listener.accept().await)
        };
        let (seat, accepted) = tokio::select! {
            () = &mut shutdown => break,
            next = next => next,
            // Keeps the set small.
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = graceful.watch(connection(stream, Arc::clone(&root), options.clone()));
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        debug!(%error, "artifact connection ended early");
                    }
                    drop(seat);
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection to the artifact server");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(options.grace, graceful.shutdown()).await;
    connections.shutdown().await;
    Ok(())
}

type Connection<S> = http1::Connection<TokioIo<Stalling>, S>;

fn connection(
    stream: TcpStream,
    root: Arc<PathBuf>,
    options: ServerOptions,
) -> Connection<
    impl hyper::service::Service<
        http::Request<hyper::body::Incoming>,
        Response = http::Response<respond::Body>,
        Error = Infallible,
        Future: Send,
    >,
> {
    let service = service_fn(move |request| {
        let root = Arc::clone(&root);
        async move { Ok::<_, Infallible>(respond::respond(&root, &request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .serve_connection(TokioIo::new(Stalling::new(stream, options.stall_timeout)), service)
}
