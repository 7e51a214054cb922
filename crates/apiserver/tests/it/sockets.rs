//! What comes in over the network and is none of the protocol, or too much of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::{Method, Version};
use serde_json::{Value, json};
use sluice_apiserver::{Config, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{ADMIN, Client};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// A TLS connection, past its handshake, that speaks HTTP/1.1.
async fn connect(client: &Client) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    let pem = client.server.authority().to_owned();
    let der: Vec<_> =
        rustls::pki_types::pem::PemObject::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    roots.add_parsable_certificates(der);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(client.server.address()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Sends bytes; what comes back until the server closes, or for five seconds.
async fn say(client: &Client, bytes: &[u8]) -> String {
    let mut stream = connect(client).await;
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn serves(client: &Client) {
    assert_eq!(client.get("/api/v1/namespaces/default").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_garbage_is_dropped_and_others_are_served() {
    let client = Client::new().await;
    let junk = [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff, 0, 0, 0], &[0xff; 4096], b"\x80\x80\x01\x03"];
    for bytes in junk {
        let mut stream = TcpStream::connect(client.server.address()).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection is closed");
        assert!(answer.len() < 100, "an alert at most");
    }
    // Connections that say nothing hold nobody up.
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(client.server.address()).await.unwrap());
    }
    serves(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_over_the_limit_are_refused() {
    let client = Client::new().await;
    let head = format!("GET /version HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "a".repeat(100 << 10));
    let answer = say(&client, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many: String = (0..1000).map(|index| format!("X-{index}: a\r\n")).collect();
    let answer = say(&client, format!("GET /version HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    for junk in ["\r\n\r\nwhat\r\n\r\n", "GET  HTTP/9\r\n\r\n", "GET /version HTTP/1.1\r\nContent-Length: -1\r\n\r\n"] {
        let answer = say(&client, junk.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{junk:?}: {answer}");
    }
    serves(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_none_are_told_apart() {
    let limits = Limits { body_bytes: 10_000, ..Limits::default() };
    let client = Client::with(Config { simulate: false, limits, ..Config::default() }).await;
    let json = "application/json";
    let cases: [(&str, Vec<u8>, u16, &str); 9] = [
        (json, b"{\"metadata\":{\"name\":".to_vec(), 400, "unexpected"),
        (json, b"nonsense".to_vec(), 400, "invalid character"),
        (json, b"{} {}".to_vec(), 400, ""),
        (json, b"\xff\xfe{}".to_vec(), 400, ""),
        (json, b"[]".to_vec(), 400, "cannot unmarshal array"),
        (json, b"{\"metadata\":\"x\"}".to_vec(), 400, "ConfigMap"),
        ("application/yaml", b"a: [b".to_vec(), 400, ""),
        ("application/xml", b"<a/>".to_vec(), 415, "application/vnd.kubernetes.protobuf"),
        (json, vec![b'a'; 20_000], 413, "limit is 10000"),
    ];
    for (media, body, code, message) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let request = client.request(Method::POST, MAPS).header("content-type", media).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), code, "{shown}");
        let status: Value = answer.json().await.unwrap();
        assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Failure")), "{shown}");
        assert!(status["message"].as_str().unwrap().contains(message), "{shown}: {status}");
    }
    let accept = client.request(Method::GET, MAPS).header("accept", "application/vnd.kubernetes.protobuf");
    let answer = accept.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 406);
    let text = answer.text().await.unwrap();
    assert!(text.contains("application/json, application/yaml"), "{text}");
    // A body that never ends stops at the limit, whatever its length is said to be.
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1000])).take(1_000_000);
    let request = client.request(Method::POST, MAPS).header("content-type", json);
    let sent = request.body(reqwest::Body::wrap_stream(endless)).send().await;
    assert!(sent.map_or(true, |answer| answer.status().as_u16() == 413));
    serves(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_spoken() {
    let client = Client::new().await;
    let root = reqwest::Certificate::from_pem(client.server.authority().as_bytes()).unwrap();
    let builder = || reqwest::Client::builder().tls_certs_only([root.clone()]).no_proxy();
    for (http, version) in [
        (builder().http1_only().build().unwrap(), Version::HTTP_11),
        (builder().http2_prior_knowledge().build().unwrap(), Version::HTTP_2),
        (builder().build().unwrap(), Version::HTTP_2),
    ] {
        let request = http.get(format!("{}{MAPS}", client.server.url())).bearer_auth(ADMIN);
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_does_not_read_is_dropped_and_others_go_on() {
    let mut limits = Limits::default();
    limits.store.watch_queue = 64;
    let client = Client::with(Config { simulate: false, limits, ..Config::default() }).await;
    let watch = || client.request(Method::GET, &format!("{MAPS}?watch=true")).send();
    let slow = watch().await.unwrap();
    let mut quick = watch().await.unwrap().bytes_stream();
    let local = client.server.local();
    let kind = local.kind("", "v1", "configmaps").unwrap();
    let begun = Instant::now();
    let text = "x".repeat(100_000);
    for index in 0..400 {
        let map = json!({"metadata": {"name": format!("m{index}")}, "data": {"a": text}});
        local.create(&kind, "default", map).unwrap();
        // The quick one keeps up.
        let mut seen = String::new();
        while !seen.contains(&format!("\"name\":\"m{index}\"")) {
            let chunk = tokio::time::timeout(Duration::from_secs(30), quick.next()).await.unwrap().unwrap().unwrap();
            seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
    println!("400 writes of 100 kB beside a watcher that reads nothing: {:?}", begun.elapsed());
    let mut stream = slow.bytes_stream();
    let mut events = 0;
    while let Ok(Some(Ok(chunk))) = tokio::time::timeout(Duration::from_secs(30), stream.next()).await {
        events += chunk.iter().filter(|byte| **byte == b'\n').count();
    }
    assert!(events < 400, "{events} events were kept for who did not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_cost_nobody_else() {
    // Both ends of each are in this process.
    let wanted = 10_000;
    let mut held = Vec::new();
    let client = Client::new().await;
    for _ in 0..wanted {
        match TcpStream::connect(client.server.address()).await {
            Ok(stream) => held.push(stream),
            Err(_) => break,
        }
        // Counting them all for each would be most of the work.
        if held.len() % 250 == 0 && descriptors_left() < 1_000 {
            break;
        }
    }
    let begun = Instant::now();
    if held.len() < wanted {
        println!("skipped: the limit of open files allows {} idle connections of {wanted}", held.len());
        held.truncate(held.len() / 2);
    }
    tokio::time::timeout(Duration::from_secs(60), serves(&client)).await.expect("it still serves");
    println!("served beside {} idle connections in {:?}", held.len(), begun.elapsed());
}

/// How many more files this process may open.
fn descriptors_left() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let most = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).unwrap_or(usize::MAX);
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    most.saturating_sub(open)
}
