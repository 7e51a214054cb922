//! Connections, within limits: their number, the size of headers, the time that a body may take.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::receiver::BODY;

/// Connections at once; each costs some kilobytes until its body comes.
const CONNECTIONS: usize = 512;
/// Bodies held at once, each up to [`BODY`].
const BODIES: usize = 16;
/// For all of a body.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Headers of a request, as Flux has it.
const HEADERS: usize = 256 * 1024;

/// A request whose body has not been read.
pub struct Unread {
    /// Method, path and headers.
    pub head: http::request::Parts,
    body: Incoming,
    room: Arc<Semaphore>,
}

/// A request with its body. While it is held, its room is taken.
pub struct Read {
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    _room: tokio::sync::OwnedSemaphorePermit,
}

impl Unread {
    /// Reads the body.
    ///
    /// # Errors
    /// The code to answer with: 413 when it is too large, 408 when it takes too long, 400 when it breaks off.
    pub async fn read(self) -> Result<Read, StatusCode> {
        let announced = self.head.headers.get(http::header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
        if announced.and_then(|it| it.parse::<usize>().ok()).is_some_and(|it| it > BODY) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let room = self.room.acquire_owned().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        match tokio::time::timeout(BODY_TIME, Limited::new(self.body, BODY).collect()).await {
            Ok(Ok(body)) => Ok(Read { headers: self.head.headers, body: body.to_bytes(), _room: room }),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
        }
    }
}

/// Answers with the codes of `answer` until `stop`. No answer has a body: nothing is learnt from its text.
///
/// # Errors
/// When the address is taken.
pub async fn serve<F>(
    address: SocketAddr,
    answer: impl Fn(Unread) -> F + Clone + Send + 'static,
    stop: CancellationToken,
) -> std::io::Result<SocketAddr>
where
    F: Future<Output = StatusCode> + Send + 'static,
{
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let (connections, bodies) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(Semaphore::new(BODIES)));
    tokio::spawn(async move {
        loop {
            let Ok(place) = connections.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            // An error is of one connection, or of too many open files, which passes.
            let Ok((stream, _)) = accepted else { continue };
            let (answer, bodies, stop) = (answer.clone(), bodies.clone(), stop.clone());
            tokio::spawn(async move {
                let _place = place;
                let service = service_fn(move |request: Request<Incoming>| {
                    let (head, body) = request.into_parts();
                    let answered = answer(Unread { head, body, room: bodies.clone() });
                    async move { Ok::<_, Infallible>(response(answered.await)) }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .max_buf_size(HEADERS)
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

fn response(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    if code == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("5"));
    }
    response
}
