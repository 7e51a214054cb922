//! Downloads that go wrong: cases 15 and 16 of the catalogue of bad input, and a flapping server.

use std::io::Write;
use std::sync::atomic::Ordering;

use sluice_artifact::{Digest, FetchError, ServerOptions};

use crate::stand::{answer, at, fetcher, scripted, served};

fn body() -> (Vec<u8>, Digest) {
    let body = b"the artifact".to_vec();
    let digest = Digest::of(&body);
    (body, digest)
}

#[tokio::test]
async fn an_artifact_is_downloaded_and_checked() {
    let server = served(ServerOptions::default()).await;
    let stored = server.storage.publish(&at("a.tar.gz"), |out| out.write_all(b"bytes")).unwrap();
    assert_eq!(fetcher().fetch(&stored.url, &stored.digest).await.unwrap().as_ref(), b"bytes");
    let url = server.storage.url(&at("none.tar.gz"));
    assert!(matches!(fetcher().fetch(&url, &stored.digest).await, Err(FetchError::NotFound(_))));
}

#[tokio::test]
async fn odd_urls_are_refused_before_any_connection() {
    let (_, digest) = body();
    for url in
        ["file:///etc/passwd", "ftp://x/y", "http://user:s3cr3t@x/y", "http://s3cr3t@x/y", "x/y", "", "gopher://x"]
    {
        let error = fetcher().fetch(url, &digest).await.unwrap_err();
        assert!(matches!(error, FetchError::Url { .. }), "{url}: {error}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
}

#[tokio::test]
async fn a_flapping_server_is_tried_again() {
    let (body, digest) = body();
    let good = answer("200 OK", "", &body);
    let short = [&good[..good.len() - 3]].concat();
    for bad in
        [answer("500 Oh", "", b""), answer("503 Oh", "", b""), answer("200 OK", "", b"old bytes"), short, vec![b'?']]
    {
        let (url, count) = scripted(vec![bad.clone(), bad, good.clone()]).await;
        assert_eq!(fetcher().fetch(&url, &digest).await.unwrap(), body);
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn what_stays_wrong_is_an_error() {
    let (body, digest) = body();
    let good = answer("200 OK", "", &body);
    let to = |target: &str| answer("302 Found", &format!("location: {target}\r\n"), b"");
    let huge = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let endless = [&b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"[..], &vec![0; 2 << 20]].concat();
    for (bad, attempts, want) in [
        (answer("404 Gone", "", b""), 1, "not found"),
        (answer("403 No", "", b""), 1, "the server answers 403"),
        (answer("206 Part", "", &body), 1, "the server answers 206"),
        (answer("500 Oh", "", b""), 3, "the server answers 500"),
        (answer("200 OK", "", b"<html>login</html>"), 3, "has digest sha256:"),
        (answer("200 OK", "", b""), 3, "has digest sha256:"),
        (good[..good.len() - 1].to_vec(), 3, "cannot download"),
        (huge, 1, "limit `download` is 1048576"),
        (endless, 1, "limit `download` is 1048576"),
        (to("http://169.254.169.254/latest/meta-data"), 1, "redirect to another host"),
        (to("file:///etc/passwd"), 1, "the server answers 302"),
        (Vec::new(), 3, "cannot download"),
    ] {
        let (url, count) = scripted(vec![bad]).await;
        let error = fetcher().fetch(&format!("{url}/a?token=s3cr3t"), &digest).await.unwrap_err().to_string();
        assert!(error.contains(want) && !error.contains("s3cr3t"), "want {want}: {error}");
        assert_eq!(count.load(Ordering::SeqCst), attempts, "{error}");
    }
}

#[tokio::test]
async fn redirects_on_the_same_host_are_followed_but_not_for_ever() {
    let (body, digest) = body();
    let (url, _) = scripted(vec![answer("302 Found", "location: /b\r\n", b""), answer("200 OK", "", &body)]).await;
    assert_eq!(fetcher().fetch(&url, &digest).await.unwrap(), body);
    let (url, count) = scripted(vec![answer("302 Found", "location: /b\r\n", b"")]).await;
    let error = fetcher().fetch(&url, &digest).await.unwrap_err().to_string();
    assert!(error.contains("too many redirects"), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 11, "ten redirects, and no second attempt");
}
