//! The small HTTP servers of a controller: metrics and probes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Serves `answer(path)` at `address` until `stop`; a path without an answer is 404. Returns the address in use.
///
/// # Errors
/// When the address is taken or not this machine's.
pub async fn serve(
    address: SocketAddr,
    answer: impl Fn(&str) -> Option<String> + Clone + Send + 'static,
    stop: CancellationToken,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            // An error is of one connection, or of too many open files, which passes.
            let Ok((stream, _)) = accepted else { continue };
            let (answer, stop) = (answer.clone(), stop.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let found = answer(request.uri().path());
                    async move { Ok::<_, Infallible>(response(found)) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .max_buf_size(16 * 1024)
                    .serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = connection => {}
                }
            });
        }
    });
    Ok(bound)
}

fn response(found: Option<String>) -> Response<Full<Bytes>> {
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = Response::new(Full::from(found.unwrap_or_else(|| "404 page not found\n".to_owned())));
    *response.status_mut() = status;
    let text = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, text);
    response
}

/// What the metrics server answers.
pub(crate) fn metrics(metrics: Metrics) -> impl Fn(&str) -> Option<String> + Clone + Send + 'static {
    move |path| (path == "/metrics").then(|| metrics.text())
}

/// What the probe server answers: a process that can answer is alive (spec/flux/install.md §2).
pub(crate) fn health(path: &str) -> Option<String> {
    matches!(path, "/healthz" | "/readyz" | "/healthz/ping" | "/readyz/ping").then(|| "ok".to_owned())
}
