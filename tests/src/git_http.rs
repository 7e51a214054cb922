//! Git's own HTTP server, `git http-backend`, behind a small CGI bridge with a password.

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::git::ENVIRONMENT;

/// Who may fetch.
pub const USERNAME: &str = "fetcher";
/// The password; it must never be seen anywhere but in the Secret.
pub const PASSWORD: &str = "canary-git-password-4f1d9c";

/// What the server does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It answers 503.
    Unavailable,
    /// It answers 404.
    NotFound,
    /// It sends half of what it should.
    Truncated,
}

/// The server; it ends when it is dropped.
pub struct GitServer {
    address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    root: PathBuf,
    fault: Mutex<Fault>,
}

impl GitServer {
    /// Serves the bare repositories below `root`.
    pub(crate) async fn start(root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let state = Arc::new(State { root, fault: Mutex::default() });
        let serving = tokio::spawn(accept(listener, state.clone()));
        GitServer { address, state, serving }
    }

    /// The URL of a repository.
    #[must_use]
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}.git", self.address)
    }

    /// Makes the server fail from now on, or work again.
    pub fn fail(&self, fault: Fault) {
        *self.state.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // The connections end with the server.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, state.clone()));
            let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A client that goes away is no matter.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let fault = *state.fault.lock().unwrap_or_else(PoisonError::into_inner);
    let refuse = |status: StatusCode| {
        let mut response = Response::new(Full::new(Bytes::from_static(b"no\n")));
        *response.status_mut() = status;
        response
    };
    match fault {
        Fault::Unavailable => return Ok(refuse(StatusCode::SERVICE_UNAVAILABLE)),
        Fault::NotFound => return Ok(refuse(StatusCode::NOT_FOUND)),
        Fault::None | Fault::Truncated => {}
    }
    let expected = format!("Basic {}", STANDARD.encode(format!("{USERNAME}:{PASSWORD}")));
    if request.headers().get(header::AUTHORIZATION).is_none_or(|it| it.as_bytes() != expected.as_bytes()) {
        let mut response = refuse(StatusCode::UNAUTHORIZED);
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic realm=\"git\""));
        return Ok(response);
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(refuse(StatusCode::BAD_REQUEST)) };
    let body = body.to_bytes();
    let answered = tokio::task::spawn_blocking(move || backend(&parts, &body, &state.root)).await;
    let mut response = answered.unwrap_or_else(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR));
    if fault == Fault::Truncated
        && let Ok(whole) = response.body_mut().collect().await
    {
        let whole = whole.to_bytes();
        *response.body_mut() = Full::new(whole.slice(..whole.len() / 2));
    }
    Ok(response)
}

fn backend(parts: &http::request::Parts, body: &[u8], root: &std::path::Path) -> Response<Full<Bytes>> {
    let head = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut command = Command::new("git");
    command.arg("http-backend").envs(ENVIRONMENT.iter().copied());
    command.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_USER", USERNAME);
    command.env("PATH_INFO", parts.uri.path()).env("QUERY_STRING", parts.uri.query().unwrap_or_default());
    command.env("REQUEST_METHOD", parts.method.as_str()).env("REMOTE_ADDR", "127.0.0.1");
    command.env("CONTENT_TYPE", head("content-type")).env("CONTENT_LENGTH", body.len().to_string());
    command.env("HTTP_CONTENT_ENCODING", head("content-encoding")).env("GIT_PROTOCOL", head("git-protocol"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("git is installed");
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(body)));
        child.wait_with_output()
    });
    parse(&output.expect("a child can be waited for").stdout)
}

/// A CGI answer: headers, an empty line, the body.
fn parse(output: &[u8]) -> Response<Full<Bytes>> {
    let end = output.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(output.len());
    let body = output.get(end + 4..).unwrap_or_default();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        response = match key.to_ascii_lowercase().as_str() {
            "status" => response.status(value.split(' ').next().unwrap_or("500")),
            _ => response.header(key, value),
        };
    }
    response.body(Full::new(Bytes::copy_from_slice(body))).expect("git sends proper headers")
}
