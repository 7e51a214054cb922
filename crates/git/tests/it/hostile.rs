//! Servers that lie, stall or never end (SECURITY 75, 78, 81, 82).

use sluice_git::*;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a server does once it has read a request.
#[derive(Clone)]
enum Act {
    /// Answers and closes.
    Say(Vec<u8>),
    /// Answers, and sends this byte now and then, for ever.
    Drip(Vec<u8>, u8),
    /// Answers, and sends this for ever, as fast as it can.
    Flood(Vec<u8>, Vec<u8>),
}

fn packet(data: &[u8]) -> Vec<u8> {
    [format!("{:04x}", data.len() + 4).as_bytes(), data].concat()
}

fn advert() -> Vec<u8> {
    let lines = ["version 2\n", "ls-refs=unborn\n", "fetch=shallow filter\n", "object-format=sha1\n"];
    let service = [packet(b"# service=git-upload-pack\n"), b"0000".to_vec()].concat();
    [service, lines.map(|it| packet(it.as_bytes())).concat(), b"0000".to_vec()].concat()
}

const ID: &str = "1111111111111111111111111111111111111111";

fn listing() -> Vec<u8> {
    [packet(format!("{ID} refs/heads/main\n").as_bytes()), b"0000".to_vec()].concat()
}

fn head(kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/x-git-upload-pack-{kind}\r\n\r\n").into()
}

/// A server that does one thing after the other, one for each connection.
async fn server(acts: Vec<Act>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/repo", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for (at, act) in acts.into_iter().enumerate() {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = vec![0; 64 << 10];
                let _ = stream.read(&mut request).await;
                let head = head(if at == 0 { "advertisement" } else { "result" });
                let _ = stream.write_all(&head).await;
                match act {
                    Act::Say(body) => drop(stream.write_all(&body).await),
                    Act::Drip(body, byte) => {
                        let _ = stream.write_all(&body).await;
                        while stream.write_all(&[byte]).await.is_ok() {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    }
                    Act::Flood(body, more) => {
                        let _ = stream.write_all(&body).await;
                        while stream.write_all(&more).await.is_ok() {}
                    }
                }
            });
        }
    });
    url
}

/// Fetches from a server that does `acts`, with small limits, within a second and a half.
async fn fetch(acts: Vec<Act>) -> Error {
    let limits = Limits { references: 1000, listing_bytes: 1 << 20, pack_bytes: 1 << 20, ..Limits::default() };
    let client = Client::new(Config { limits, ..Config::default() });
    let remote = client.remote(&server(acts).await, Access::default(), Duration::from_millis(1500)).unwrap();
    let started = Instant::now();
    let fetched = remote.fetch(&Reference::Branch("main".into()), &FetchOptions::default()).await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let err = fetched.unwrap_err();
    assert!(err.to_string().len() < 1024, "{err}");
    assert!(!err.to_string().chars().any(char::is_control), "{err:?}");
    err
}

fn say(body: impl Into<Vec<u8>>) -> Act {
    Act::Say(body.into())
}

#[tokio::test]
async fn junk_for_an_advertisement_is_a_protocol_error() {
    for junk in [
        "0001",
        "0002",
        "0003",
        "0004",
        "ffff",
        "fff5",
        "zzzz",
        "00",
        "0009abc",
        "<html>",
        "0008ab\n\x1b",
        "000eversion 3\n",
    ] {
        let err = fetch(vec![say(junk)]).await;
        assert!(matches!(err, Error::Protocol { .. }), "{junk}: {err}");
    }
    let cut = advert();
    for at in 0..cut.len() {
        let err = fetch(vec![say(&cut[..at])]).await;
        assert!(matches!(err, Error::Protocol { .. }), "{at}: {err}");
    }
}

#[tokio::test]
async fn what_a_server_says_is_escaped_and_cut() {
    let long = format!("ERR \x1b[31mno{}\n", "x".repeat(5000));
    let err = fetch(vec![say(packet(long.as_bytes()))]).await;
    assert!(matches!(&err, Error::Refused { message, .. } if message.starts_with("\\u{1b}[31mno")), "{err}");
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    for name in
        ["refs/heads/../../x", "refs/heads/a..b", "refs/heads/a.lock", "refs/heads/@{", "refs/heads/a\x1bb", "main", ""]
    {
        let refs = [packet(format!("{ID} {name}\n").as_bytes()), b"0000".to_vec()].concat();
        let err = fetch(vec![say(advert()), say(refs)]).await;
        assert!(matches!(err, Error::Protocol { .. }), "{name}: {err}");
    }
    for line in ["1234 refs/heads/main\n", &format!("{ID}\n"), &format!("{ID} refs/heads/main peeled:x\n")] {
        let refs = [packet(line.as_bytes()), b"0000".to_vec()].concat();
        let err = fetch(vec![say(advert()), say(refs)]).await;
        assert!(matches!(err, Error::Protocol { .. }), "{line}: {err}");
    }
    // A symbolic reference that leads to itself is nothing to follow.
    let refs = packet(format!("{ID} HEAD symref-target:HEAD\n").as_bytes());
    let err = fetch(vec![say(advert()), say([refs, b"0000".to_vec()].concat()), say("0000")]).await;
    assert!(matches!(err, Error::ReferenceNotFound { .. } | Error::EmptyRepository { .. }), "{err}");
}

#[tokio::test]
async fn endless_listings_reach_a_limit() {
    let one = packet(format!("{ID} refs/heads/main\n").as_bytes());
    let err = fetch(vec![say(advert()), Act::Flood(vec![], one.repeat(100))]).await;
    assert!(matches!(err, Error::Limit { what: "bytes of references (limit `listing_bytes`)", .. }), "{err}");
    let many: Vec<u8> = (0..2000).flat_map(|n| packet(format!("{ID} refs/heads/{n}\n").as_bytes())).collect();
    let err = fetch(vec![say(advert()), Act::Flood(many, b"x".to_vec())]).await;
    assert!(matches!(err, Error::Limit { what: "references (limit `references`)", .. }), "{err}");
    let err = fetch(vec![Act::Flood(packet(b"version 2\n"), packet(b"capability\n"))]).await;
    assert!(matches!(err, Error::Protocol { .. }), "{err}");
}

#[tokio::test]
async fn endless_packs_and_progress_reach_a_limit() {
    let start = packet(b"packfile\n");
    let pack = packet(&[&[1][..], &[0; 60_000]].concat());
    let err = fetch(vec![say(advert()), say(listing()), Act::Flood(start.clone(), pack)]).await;
    assert!(matches!(err, Error::Limit { what: "size of the pack (limit `pack_bytes`)", .. }), "{err}");
    let progress = packet(&[&[2][..], &[b'x'; 60_000]].concat());
    let err = fetch(vec![say(advert()), say(listing()), Act::Flood(start, progress)]).await;
    assert!(matches!(err, Error::Protocol { .. } | Error::Timeout { .. }), "{err}");
}

#[tokio::test]
async fn packs_that_are_none_are_refused() {
    let start = packet(b"packfile\n");
    for (body, corrupt) in [
        (b"0000".to_vec(), false),
        (packet(b"ERR upload-pack: not our ref"), false),
        (packet(b"something else\n"), false),
        ([&start[..], b"0000"].concat(), true),
        ([&start[..], &packet(b"\x01PACK"), b"0000"].concat(), true),
        ([&start[..], &packet(b"\x01PACK\0\0\0\x02\xff\xff\xff\xff"), b"0000"].concat(), false),
        ([&start[..], &packet(b"\x03disk full\x1b")].concat(), false),
        ([&start[..], &packet(b"\x04?")].concat(), false),
        ([&start[..], &packet(b"\x01PACK")].concat(), false),
    ] {
        let err = fetch(vec![say(advert()), say(listing()), say(body.clone())]).await;
        assert_eq!(matches!(err, Error::Corrupt { .. }), corrupt, "{}: {err}", body.escape_ascii());
    }
}

#[tokio::test]
async fn a_server_that_stalls_or_drips_ends_at_the_timeout() {
    let stalled = fetch(vec![Act::Drip(b"0100version 2".to_vec(), b'x')]).await;
    assert!(matches!(stalled, Error::Timeout { .. }), "{stalled}");
    let dripping = fetch(vec![say(advert()), Act::Drip(b"ffe0".to_vec(), b'x')]).await;
    assert!(matches!(dripping, Error::Timeout { .. }), "{dripping}");
    let start = [packet(b"packfile\n"), b"ffe0\x01".to_vec()].concat();
    let dripping = fetch(vec![say(advert()), say(listing()), Act::Drip(start, b'x')]).await;
    assert!(matches!(dripping, Error::Timeout { .. }), "{dripping}");
    // No answer at all, not even to the connection.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/repo", listener.local_addr().unwrap());
    let remote = Client::default().remote(&url, Access::default(), Duration::from_millis(300)).unwrap();
    let err = remote.list_refs(&[], Freshness::Recent).await.unwrap_err();
    assert!(matches!(err, Error::Timeout { .. }), "{err}");
}

#[tokio::test]
async fn a_page_is_no_repository() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/repo", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")
                .await;
        }
    });
    let remote = Client::default().remote(&url, Access::default(), Duration::from_secs(5)).unwrap();
    let err = remote.list_refs(&[], Freshness::Recent).await.unwrap_err();
    assert!(
        matches!(&err, Error::Protocol { reason, .. } if reason.contains("no Git repository over smart HTTP")),
        "{err}"
    );
}
