//! A server that answers as a script says, on two addresses, and remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::Value;
use sluice_oci::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Two hosts with one script.
pub struct Scripted {
    pub registry: SocketAddr,
    script: Arc<Script>,
    _serving: JoinSet<()>,
}

struct Script {
    rules: Vec<Value>,
    used: Mutex<Vec<u64>>,
    forbidden: Vec<(String, String)>,
    breaches: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
    registry: SocketAddr,
    other: SocketAddr,
}

struct Asked {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Scripted {
    pub async fn start(case: &Value) -> Self {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let (registry, other) = (listen().await, listen().await);
        let address = |it: &TcpListener| it.local_addr().expect("a listener has an address");
        let rules = case["rules"].as_array().cloned().unwrap_or_default();
        let forbidden = case["forbidden"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
        let script = Arc::new(Script {
            used: Mutex::new(vec![0; rules.len()]),
            rules,
            forbidden: forbidden.map(|it| (text(&it[0]), text(&it[1]))).collect(),
            breaches: Mutex::default(),
            asked: Mutex::default(),
            registry: address(&registry),
            other: address(&other),
        });
        let mut serving = JoinSet::new();
        for (host, listener) in [("registry", registry), ("other", other)] {
            let script = Arc::clone(&script);
            serving.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer(Arc::clone(&script), host, stream));
                }
            });
        }
        Scripted { registry: script.registry, script, _serving: serving }
    }

    pub fn breaches(&self) -> Vec<String> {
        self.script.breaches.lock().expect("no test panics with this lock").clone()
    }

    pub fn asked(&self) -> Vec<String> {
        self.script.asked.lock().expect("no test panics with this lock").clone()
    }
}

async fn answer(script: Arc<Script>, host: &'static str, mut stream: TcpStream) {
    let Some(asked) = read(&mut stream).await else { return };
    for (at, header) in &script.forbidden {
        if at == host && asked.headers.contains_key(header) {
            script.breaches.lock().expect("no test panics with this lock").push(format!("{header} was sent to {host}"));
        }
    }
    script.asked.lock().expect("no test panics with this lock").push(format!("{host} {} {}", asked.method, asked.path));
    let (head, body) = script.reply(host, &asked);
    let _ = stream.write_all(&head).await;
    let _ = stream.write_all(&body).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut data = Vec::new();
    let mut buffer = [0; 4096];
    let end = loop {
        if let Some(at) = data.windows(4).position(|it| it == b"\r\n\r\n") {
            break at;
        }
        match stream.read(&mut buffer).await {
            // A handshake of TLS, to which servers without it say nothing good.
            Ok(n) if n > 0 && data.is_empty() && buffer[0] == 0x16 => return None,
            Ok(n) if n > 0 => data.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&data[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    let mut body = data[end + 4..].to_vec();
    while body.len() < length {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => body.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let decode =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter_map(|it| it.split_once('='));
    Some(Asked {
        method,
        path: decode(path),
        query: pairs.map(|(name, value)| (decode(name), decode(value))).collect(),
        headers,
        body: decode(&String::from_utf8_lossy(&body)),
    })
}

impl Script {
    fn reply(&self, host: &str, asked: &Asked) -> (Vec<u8>, Vec<u8>) {
        let found = self.rules.iter().enumerate().find(|(at, rule)| {
            let spent = rule["times"]
                .as_u64()
                .is_some_and(|times| self.used.lock().expect("no test panics with this lock")[*at] >= times);
            !spent && fits(rule, host, asked)
        });
        let Some((at, rule)) = found else {
            return (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(), Vec::new());
        };
        self.used.lock().expect("no test panics with this lock")[at] += 1;
        let fill = |text: &str| {
            text.replace("{registry}", &self.registry.to_string()).replace("{other}", &self.other.to_string())
        };
        let body = match (rule["body"].as_str(), rule["bodyBase64"].as_str()) {
            (Some(text), _) => fill(text).into_bytes(),
            (None, Some(text)) => base64::engine::general_purpose::STANDARD.decode(text).expect("the case is sound"),
            (None, None) => Vec::new(),
        };
        let status = rule["status"].as_u64().unwrap_or(200);
        let mut head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        let headers = rule["headers"].as_object().cloned().unwrap_or_default();
        for (name, value) in &headers {
            head.push_str(&format!("{name}: {}\r\n", fill(value.as_str().unwrap_or_default())));
        }
        let has_digest = headers.keys().any(|it| it.eq_ignore_ascii_case("docker-content-digest"));
        if asked.method == "HEAD" && status == 200 && !has_digest && rule["noDigest"] != true {
            head.push_str(&format!("Docker-Content-Digest: {}\r\n", Digest::of(&body)));
        }
        head.push_str("\r\n");
        let body = if asked.method == "HEAD" { Vec::new() } else { body };
        let cut = rule["cutAfter"].as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or(body.len());
        (head.into_bytes(), body[..cut.min(body.len())].to_vec())
    }
}

fn fits(rule: &Value, host: &str, asked: &Asked) -> bool {
    let methods = rule["methods"].as_array();
    let method = methods.map_or(["GET", "HEAD"].contains(&asked.method.as_str()), |all| {
        all.iter().any(|it| *it == asked.method.as_str())
    });
    let query = rule["query"].as_object().is_none_or(|wanted| {
        wanted.len() == asked.query.len()
            && wanted.iter().all(|(name, value)| asked.query.get(name).map(String::as_str) == value.as_str())
    });
    let authorization = match rule.get("authorization") {
        None => true,
        Some(Value::Null) => !asked.headers.contains_key("authorization"),
        Some(Value::String(any)) if any == "*" => asked.headers.contains_key("authorization"),
        Some(wanted) => asked.headers.get("authorization").map(String::as_str) == wanted.as_str(),
    };
    rule["host"].as_str().unwrap_or("registry") == host
        && rule["path"].as_str() == Some(&asked.path)
        && method
        && query
        && authorization
        && rule["bodyHas"].as_str().is_none_or(|it| asked.body.contains(it))
}
