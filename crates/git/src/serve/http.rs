//! The two addresses of a repository: what there is, and fetching it.

use super::request::{Request, Version};
use super::{Server, Source, upload};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Bytes of a request: names of commits.
const REQUEST: usize = 4 << 20;
/// Chunks of an answer that may wait to be sent: each is at most one packet of 64 KiB.
const CHUNKS: usize = 8;
/// Time for a request's head to arrive.
const HEADER: Duration = Duration::from_secs(10);
/// Time for open requests to end after shutdown.
const GRACE: Duration = Duration::from_secs(2);

type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(super) async fn run(
    server: Arc<Server>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = &mut shutdown => break,
        };
        let server = Arc::clone(&server);
        let service = service_fn(move |request| answer(Arc::clone(&server), request));
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER);
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
        tokio::spawn(async move {
            if let Err(err) = connection.await {
                tracing::debug!(error = %err, "connection ended");
            }
        });
    }
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

async fn answer(server: Arc<Server>, request: hyper::Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let text = |status: StatusCode, text: &str| {
        let body = Full::from(format!("{text}\n")).boxed_unsync();
        response(status, "text/plain; charset=utf-8", body)
    };
    let protocol = head.headers.get("git-protocol").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let version = if protocol.split(':').any(|it| it == "version=2") { Version::Two } else { Version::Zero };
    let path = head.uri.path();
    if let Some(name) = path.strip_suffix("/info/refs") {
        let Some(source) = server.find(name) else { return Ok(text(StatusCode::NOT_FOUND, "no such repository")) };
        if head.method != Method::GET {
            return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "GET only"));
        }
        if head.uri.query() != Some("service=git-upload-pack") {
            return Ok(text(StatusCode::FORBIDDEN, "this server can only be fetched from, by the smart protocol"));
        }
        let done = tokio::task::spawn_blocking(move || upload::advertisement(&source, version)).await;
        return Ok(match flat(done) {
            Ok(body) => {
                response(StatusCode::OK, "application/x-git-upload-pack-advertisement", Full::from(body).boxed_unsync())
            }
            Err(err) => text(StatusCode::INTERNAL_SERVER_ERROR, &err),
        });
    }
    let Some(name) = path.strip_suffix("/git-upload-pack") else {
        return Ok(text(StatusCode::NOT_FOUND, "no such address"));
    };
    let Some(source) = server.find(name) else { return Ok(text(StatusCode::NOT_FOUND, "no such repository")) };
    if head.method != Method::POST {
        return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "POST only"));
    }
    let zipped = head.headers.get("content-encoding").is_some_and(|it| it == "gzip" || it == "x-gzip");
    let Ok(body) = Limited::new(body, REQUEST).collect().await else {
        return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"));
    };
    let Some(body) = unzipped(body.to_bytes(), zipped) else {
        return Ok(text(StatusCode::BAD_REQUEST, "the request is no gzip, or too large"));
    };
    Ok(match Request::parse(&body, version) {
        Ok(request) => response(StatusCode::OK, "application/x-git-upload-pack-result", streamed(source, request)),
        Err(err) => text(StatusCode::BAD_REQUEST, &err),
    })
}

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static(kind));
    headers.insert("cache-control", hyper::header::HeaderValue::from_static("no-cache, max-age=0, must-revalidate"));
    response
}

fn flat<T>(done: Result<Result<T, crate::Error>, tokio::task::JoinError>) -> Result<T, String> {
    done.map_err(|err| err.to_string())?.map_err(|err| err.to_string())
}

fn unzipped(body: Bytes, zipped: bool) -> Option<Bytes> {
    if !zipped {
        return Some(body);
    }
    let mut out = Vec::new();
    GzDecoder::new(&*body).take(REQUEST as u64 + 1).read_to_end(&mut out).ok()?;
    (out.len() <= REQUEST).then(|| Bytes::from(out))
}

/// The answer as it is made: the client's speed bounds what waits in memory, and its leaving ends the work.
fn streamed(source: Arc<Source>, request: Request) -> Body {
    let (sender, receiver) = mpsc::channel::<Bytes>(CHUNKS);
    tokio::task::spawn_blocking(move || {
        if let Err(err) = upload::answer(&source, &request, &mut Sink(sender)) {
            tracing::debug!(error = %err, "upload ended");
        }
    });
    let chunks = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (Ok(Frame::data(chunk)), receiver))
    });
    BodyExt::boxed_unsync(StreamBody::new(chunks))
}

/// Sends what is written, piece by piece.
struct Sink(mpsc::Sender<Bytes>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Bytes::copy_from_slice(bytes));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
