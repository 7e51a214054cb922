//! A web server around `git http-backend`.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// How the server behaves.
#[derive(Default)]
pub struct Options {
    /// The only `Authorization` it accepts.
    pub authorization: Option<String>,
    /// Where requests for info/refs are sent instead: status and location.
    pub redirect: Option<(u16, String)>,
    /// Ignores the client's wish for protocol version 2.
    pub old: bool,
    pub tls: Option<Arc<ServerConfig>>,
}

/// A running server; ends with the test.
pub struct Httpd {
    pub port: u16,
    log: Arc<Mutex<Vec<String>>>,
    tls: bool,
}

impl Httpd {
    /// Serves the repositories below `root`.
    pub async fn start(root: &Path, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (root, log): (PathBuf, Arc<Mutex<Vec<String>>>) = (root.to_owned(), Arc::default());
        let acceptor = options.tls.clone().map(TlsAcceptor::from);
        let it = Httpd { port, log: Arc::clone(&log), tls: acceptor.is_some() };
        let options = Arc::new(options);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (root, log, options, acceptor) = (root.clone(), log.clone(), options.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let service =
                        service_fn(move |request| answer(request, root.clone(), log.clone(), options.clone()));
                    let builder = Builder::new(TokioExecutor::new());
                    match acceptor {
                        None => drop(builder.serve_connection(TokioIo::new(stream), service).await),
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                drop(builder.serve_connection(TokioIo::new(stream), service).await);
                            }
                        }
                    }
                });
            }
        });
        it
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}/{path}", if self.tls { "https" } else { "http" }, self.port)
    }

    /// Requests so far: method, path, and `+auth` if there were credentials.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    root: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
    options: Arc<Options>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let header = |name: &str| head.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    let authorization = header("authorization");
    let auth = if authorization.is_empty() { "" } else { " +auth" };
    log.lock().unwrap().push(format!("{} {}{auth}", head.method, head.uri.path()));
    let empty = |status: u16| Response::builder().status(status);
    if options.authorization.as_ref().is_some_and(|it| *it != authorization) {
        return Ok(empty(401).header("WWW-Authenticate", "Basic").body(Full::default()).unwrap());
    }
    if let Some((status, location)) = options.redirect.as_ref().filter(|_| head.method == "GET") {
        return Ok(empty(*status).header("Location", location).body(Full::default()).unwrap());
    }
    let body = body.collect().await.unwrap().to_bytes();
    let mut env: HashMap<&str, String> = HashMap::from([
        ("PATH", std::env::var("PATH").unwrap()),
        ("GIT_PROJECT_ROOT", root.display().to_string()),
        ("GIT_HTTP_EXPORT_ALL", "1".into()),
        ("PATH_INFO", head.uri.path().into()),
        ("QUERY_STRING", head.uri.query().unwrap_or_default().into()),
        ("REQUEST_METHOD", head.method.to_string()),
        ("CONTENT_TYPE", header("content-type")),
        ("CONTENT_LENGTH", body.len().to_string()),
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_CONFIG_KEY_0", "safe.directory".into()),
        ("GIT_CONFIG_VALUE_0", "*".into()),
    ]);
    if !options.old {
        env.insert("GIT_PROTOCOL", header("git-protocol"));
    }
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("git");
        command.arg("http-backend").env_clear().envs(env).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
        let output = child.wait_with_output().unwrap().stdout;
        writer.join().unwrap();
        output
    });
    let output = output.await.unwrap();
    let at = output.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let mut response = Response::builder().status(200);
    for line in std::str::from_utf8(&output[..at]).unwrap().split("\r\n") {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "Status" {
            response = response.status(value[..3].parse::<u16>().unwrap());
        } else {
            response = response.header(name, value);
        }
    }
    Ok(response.body(Full::from(output[at + 4..].to_vec())).unwrap())
}
