//! A registry that is only a list of tags, and as moody as a scenario wants it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves the tags of every repository alike, over HTTP.
pub struct Fake {
    pub address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    tags: Vec<String>,
    /// Headers of a refusal with 429, while there is one.
    refusal: Option<String>,
    answers: Vec<(Instant, u16)>,
}

impl Fake {
    pub async fn start(tags: Vec<String>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address").to_string();
        let state = Arc::new(Mutex::new(State { tags, ..State::default() }));
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, served.clone()));
            }
        });
        Fake { address, state }
    }

    /// Refuses lists of tags from now on, or no longer.
    pub fn refuse(&self, headers: Option<&str>) {
        lock(&self.state).refusal = headers.map(str::to_owned);
    }

    /// When lists of tags were asked for, and what was said.
    pub fn answers(&self) -> Vec<(Instant, u16)> {
        lock(&self.state).answers.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
            _ => return,
        }
        // Somebody speaks TLS: we do not.
        if request.first() != Some(&b'G') || request.len() > 16_384 {
            return;
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split_whitespace().nth(1).unwrap_or_default();
    let etag = text.lines().find_map(|line| line.strip_prefix("if-none-match: "));
    let reply = if path.contains("/tags/list") { list(path, etag, &state) } else { reply(200, "", "{}") };
    let _ = stream.write_all(reply.as_bytes()).await;
}

fn list(path: &str, etag: Option<&str>, state: &Mutex<State>) -> String {
    let mut state = lock(state);
    if let Some(headers) = &state.refusal {
        let refusal = reply(429, headers, r#"{"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}"#);
        state.answers.push((Instant::now(), 429));
        return refusal;
    }
    let parameter = |name: &str| path.split(['?', '&']).find_map(|it| it.strip_prefix(name));
    let size: usize = parameter("n=").and_then(|it| it.parse().ok()).unwrap_or(1000);
    let start = parameter("last=").map_or(0, |last| state.tags.iter().position(|it| it == last).map_or(0, |at| at + 1));
    let page = &state.tags[start..(start + size).min(state.tags.len())];
    let body = serde_json::json!({"name": "app", "tags": page}).to_string();
    let own = format!("\"{}\"", hex::encode(Sha256::digest(&body)));
    let mut headers = format!("ETag: {own}\r\n");
    if let Some(last) = page.last().filter(|_| start + size < state.tags.len()) {
        headers.push_str(&format!("Link: </v2/app/tags/list?n={size}&last={last}>; rel=\"next\"\r\n"));
    }
    let (code, body) = if etag == Some(own.as_str()) { (304, String::new()) } else { (200, body) };
    state.answers.push((Instant::now(), code));
    reply(code, &headers, &body)
}

fn reply(code: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {code} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
}
