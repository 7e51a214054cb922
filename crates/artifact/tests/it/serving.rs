//! The HTTP server.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use sluice_artifact::ServerOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stand::{at, served};

#[tokio::test]
async fn files_are_served_with_what_clients_rely_on() {
    let server = served(ServerOptions::default()).await;
    server.storage.publish(&at("a.tar.gz"), |out| out.write_all(b"0123456789")).unwrap();
    server.storage.link(&at("a.tar.gz"), &at("latest.tar.gz")).unwrap();
    let path = format!("/{}", at("a.tar.gz"));
    let (head, body) = server.ask("GET", &path, "").await;
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-length: 10"), "{head}");
    assert!(head.contains("content-type: application/gzip") && head.contains("accept-ranges: bytes"), "{head}");
    assert_eq!(body, "0123456789");
    let line = |name: &str| {
        let line = head.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {head}"));
        line.split_once(": ").unwrap().1.to_owned()
    };
    let (tag, date) = (line("etag"), line("last-modified"));
    assert!(date.ends_with(" GMT"), "{date}");
    let (head, body) = server.ask("HEAD", &path, "").await;
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-length: 10") && body.is_empty(), "{head}");
    for (header, status, want) in [
        ("range: bytes=2-4\r\n".to_owned(), "206", "234"),
        ("range: bytes=-3\r\n".to_owned(), "206", "789"),
        ("range: bytes=10-\r\n".to_owned(), "416", ""),
        (format!("range: bytes=2-4\r\nif-range: {tag}\r\n"), "206", "234"),
        (format!("range: bytes=2-4\r\nif-range: {date}\r\n"), "206", "234"),
        ("range: bytes=2-4\r\nif-range: \"other\"\r\n".to_owned(), "200", "0123456789"),
        (format!("if-none-match: {tag}\r\n"), "304", ""),
        (format!("if-none-match: \"x\", W/{tag}\r\n"), "304", ""),
        ("if-none-match: \"x\"\r\n".to_owned(), "200", "0123456789"),
        (format!("if-modified-since: {date}\r\n"), "304", ""),
        ("if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT\r\n".to_owned(), "200", "0123456789"),
        ("if-modified-since: whenever\r\n".to_owned(), "200", "0123456789"),
    ] {
        let (head, body) = server.ask("GET", &path, &header).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{header}{head}");
        assert_eq!(body, want, "{header}");
    }
    let (head, _) = server.ask("GET", &path, "range: bytes=2-4\r\n").await;
    assert!(head.contains("content-range: bytes 2-4/10") && head.contains("content-length: 3"), "{head}");
    assert_eq!(server.ask("GET", &format!("/{}", at("latest.tar.gz")), "").await.1, "0123456789");
    assert!(server.ask("POST", &path, "").await.0.contains("405"));
    assert!(server.ask("GET", "/", "").await.0.starts_with("HTTP/1.1 200"), "the readiness probe asks for the root");
}

#[tokio::test]
async fn nothing_else_is_served() {
    let server = served(ServerOptions::default()).await;
    server.storage.publish(&at("a.tar.gz"), |out| out.write_all(b"x")).unwrap();
    fs::write(server.folder.path().join("top"), "secret").unwrap();
    let folder = server.folder.path().join(at("a").folder());
    fs::write(folder.join(".sluice-tmp"), "secret").unwrap();
    fs::write(folder.join("a.tar.gz.lock"), "secret").unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    symlink("/etc/passwd", folder.join("passwd")).unwrap();
    symlink("../../../top", folder.join("up")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    for path in [
        "/gitrepository",
        "/gitrepository/flux-system/podinfo",
        "/gitrepository/flux-system/podinfo/",
        "/gitrepository/flux-system/podinfo/folder",
        "/gitrepository/flux-system/podinfo/none",
        "/gitrepository/flux-system/podinfo/.sluice-tmp",
        "/gitrepository/flux-system/podinfo/a.tar.gz.lock",
        "/gitrepository/flux-system/podinfo/passwd",
        "/gitrepository/flux-system/podinfo/up",
        "/gitrepository/flux-system/podinfo/loop",
        "/gitrepository/flux-system/podinfo/a.tar.gz/x",
        "/gitrepository/flux-system/podinfo/../podinfo/a.tar.gz",
        "/gitrepository/flux-system/podinfo/%2e%2e%2f%2e%2e%2ftop",
        "/gitrepository/flux-system/podinfo/a.tar.gz%00",
        "/gitrepository/flux-system/podinfo/%ff",
        "//gitrepository/flux-system/podinfo/a.tar.gz",
        "/top",
        "/../top",
        "/%2e%2e/top",
        "/etc/passwd",
        "//etc/passwd",
    ] {
        let (head, body) = server.ask("GET", path, "").await;
        assert!(head.starts_with("HTTP/1.1 404") || head.starts_with("HTTP/1.1 400"), "{path}: {head}");
        assert!(!body.contains("secret") && !body.contains("a.tar.gz"), "{path}: {body}");
    }
}

#[tokio::test]
async fn slow_clients_are_let_go() {
    let quick = Duration::from_millis(200);
    let options = ServerOptions { header_timeout: quick, stall_timeout: quick, ..ServerOptions::default() };
    let server = served(options).await;
    server.storage.publish(&at("big.tar.gz"), |out| out.write_all(&vec![7; 32 << 20])).unwrap();
    let start = Instant::now();
    // Half a request head, and none at all.
    for half in ["GET / HTTP/1.1\r\nhost:", ""] {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    // A client that reads nothing of its response.
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let request = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", at("big.tar.gz"));
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    assert!(got.len() < 32 << 20, "the server gave up in between");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn downloads_under_way_end_before_the_server_does() {
    let mut server = served(ServerOptions::default()).await;
    server.storage.publish(&at("big.tar.gz"), |out| out.write_all(&vec![7; 16 << 20])).unwrap();
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let request = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", at("big.tar.gz"));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 1024];
    stream.read_exact(&mut first).await.unwrap();
    server.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(&server.address).await.is_err(), "nobody new is let in");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() + first.len() > 16 << 20);
    server.task.await.unwrap().unwrap();
}
