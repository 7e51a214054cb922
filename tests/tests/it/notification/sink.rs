//! A service that takes messages, and misbehaves when told to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sluice_tests::{PATIENCE, eventually};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As a service does.
    Fine,
    /// 503.
    Broken,
    /// 429, come back in so many seconds.
    Busy(u64),
    /// Not at all, for this long.
    Slow(Duration),
    /// Bytes that are no HTTP.
    Garbage,
    /// 503, with a body that never ends.
    Endless,
    /// 400, with all that was sent.
    Echo,
}

/// A request that was answered as a service does.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    mood: Mood,
    seen: Vec<Seen>,
    refused: usize,
}

impl Sink {
    pub async fn start() -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State { mood: Mood::Fine, seen: Vec::new(), refused: 0 }));
        let sink = Sink { address, state };
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let sink = serving.clone();
                tokio::spawn(async move {
                    if sink.state().mood == Mood::Garbage {
                        sink.state().refused += 1;
                        let _ = stream.write_all(b"\x00\xffgarbage\r\n\r\n").await;
                        return;
                    }
                    if sink.state().mood == Mood::Endless {
                        let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").await;
                        let piece = [b'x'; 16 * 1024];
                        while stream.write_all(&piece).await.is_ok() {}
                        sink.state().refused += 1;
                        return;
                    }
                    let service = service_fn(move |request| {
                        let sink = sink.clone();
                        async move { Ok::<_, Infallible>(sink.answer(request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        sink
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this")
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Requests that it did not take.
    pub fn refused(&self) -> usize {
        self.state().refused
    }

    /// How much it took at a path.
    pub fn count(&self, path: &str) -> usize {
        self.state().seen.iter().filter(|it| it.path.starts_with(path)).count()
    }

    /// What it took at a path.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.state().seen.iter().filter(|it| it.path.starts_with(path)).cloned().collect()
    }

    /// Waits for a request at a path that `check` is content with.
    pub async fn gets(&self, what: &str, path: &str, check: impl Fn(&Seen) -> bool) -> Seen {
        eventually(format!("{what} at {path}"), PATIENCE, async || {
            let seen = self.seen(path);
            seen.iter()
                .find(|it| check(it))
                .cloned()
                .ok_or_else(|| format!("{:?}", seen.iter().map(|it| &it.body).collect::<Vec<_>>()))
        })
        .await
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|it| it.to_bytes()).unwrap_or_default();
        let mood = self.state().mood;
        let reply = |code: u16, body: String| {
            let mut response = Response::new(Full::from(body));
            *response.status_mut() = code.try_into().expect("a code");
            response
        };
        match mood {
            Mood::Fine => {}
            Mood::Slow(time) => tokio::time::sleep(time).await,
            Mood::Broken | Mood::Garbage | Mood::Endless => {
                self.state().refused += 1;
                return reply(503, "no".to_owned());
            }
            Mood::Busy(seconds) => {
                self.state().refused += 1;
                let mut response = reply(429, String::new());
                response.headers_mut().insert("retry-after", seconds.into());
                return response;
            }
            Mood::Echo => {
                self.state().refused += 1;
                return reply(400, format!("{} {:?} {}", head.uri, head.headers, String::from_utf8_lossy(&body)));
            }
        }
        let is_get = head.method == "GET";
        self.state().seen.push(Seen {
            at: Instant::now(),
            method: head.method.to_string(),
            path: head.uri.to_string(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        });
        if is_get { reply(200, "[]".to_owned()) } else { reply(201, "{\"ok\": true, \"code\": 0}".to_owned()) }
    }
}
