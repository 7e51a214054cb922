//! Calls and events that are none, or too much.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;
use sluice_tests::{PATIENCE, eventually, stays};

use super::calls::{call, receiver, sign};
use super::{Mood, Notified, repository};

/// Sends bytes as they are; returns the code of the answer and whatever comes with it.
fn raw(address: SocketAddr, parts: &[&[u8]]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    for part in parts {
        // It may have answered, and left, before all is sent.
        if stream.write_all(part).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.windows(4).any(|it| it == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(length) if length > 0 => answer.extend_from_slice(&piece[..length]),
            _ => break,
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let code = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or_default();
    (code, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_none_is_refused_and_told_nothing() {
    let it = Notified::start(&[]).await;
    let (_, _) = repository(&it.world).await;
    let url = receiver(&it, "generic-hmac").await;
    let path = url.strip_prefix(&format!("http://{}", it.webhooks)).expect("it begins so").to_owned();
    let name = path.strip_prefix("/hook/").expect("it begins so");
    let webhooks = it.webhooks;
    let ask = async |head: String, body: Vec<u8>| {
        tokio::task::spawn_blocking(move || raw(webhooks, &[head.as_bytes(), &body])).await.expect("nothing panics")
    };
    let head = |path: &str, more: &str| format!("POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{more}\r\n");
    // Case 115: a body that is too large, announced or not, and one whose end never comes.
    let large = 3 << 20;
    let at_limit = vec![b'x'; large];
    let signature = sign(&"x".repeat(large));
    let good = format!("content-length: {large}\r\nx-signature: {signature}\r\n");
    assert_eq!(ask(head(&path, &good), at_limit).await, (200, String::new()));
    let announced = format!("content-length: {}\r\n", large + 1);
    assert_eq!(ask(head(&path, &announced), Vec::new()).await, (413, String::new()));
    let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    let endless = chunk.repeat(64);
    assert_eq!(ask(head(&path, "transfer-encoding: chunked\r\n"), endless).await.0, 413);
    assert_eq!(ask(head(&path, "content-length: 100\r\n"), b"x".to_vec()).await, (408, String::new()));
    // Case 121: no other way of writing the path is the path.
    for other in [
        format!("/hook/../hook/{name}"),
        format!("//hook/{name}"),
        format!("/hook//{name}"),
        format!("/hook/%{:02x}{}", name.as_bytes()[0], &name[1..]),
        format!("{path}/"),
        format!("{path}?a=b"),
        format!("/hook/{}", name.to_uppercase()),
        "/".to_owned(),
        "/hook/".to_owned(),
    ] {
        assert_eq!(ask(head(&other, "content-length: 0\r\n"), Vec::new()).await, (404, String::new()), "{other}");
    }
    // Case 116: signatures that are none.
    let signature = sign("{}");
    let upper = signature.to_uppercase().replace("SHA256", "sha256");
    let of_length = |length: usize| signature[..length].to_owned();
    for (given, want) in [
        (String::new(), 400),
        ("sha256=".to_owned(), 400),
        (of_length(signature.len() - 1), 400),
        (of_length(signature.len() - 2), 400),
        (signature.replace("sha256=", "md5="), 400),
        (signature.replace("sha256=", ""), 400),
        (format!("{signature}00"), 400),
        ("sha256=zz".to_owned(), 400),
        // Hexadecimal digits are what they are in either case, as for Flux.
        (upper, 200),
        (signature.clone(), 200),
    ] {
        let lines = format!("content-length: 2\r\nx-signature: {given}\r\n");
        assert_eq!(ask(head(&path, &lines), b"{}".to_vec()).await, (want, String::new()), "{given}");
    }
    let nothing = head(&path, "content-length: 2\r\n");
    assert_eq!(ask(nothing, b"{}".to_vec()).await, (400, String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_comes_a_hundred_times_is_one_fetch_more() {
    let it = Notified::start(&[]).await;
    let (_, revision) = repository(&it.world).await;
    let url = receiver(&it, "github").await;
    let client = reqwest::Client::new();
    let body = "{}";
    let signature = sign(body);
    let headers = [("content-type", "application/json"), ("x-hub-signature-256", signature.as_str())];
    for _ in 0..100 {
        assert_eq!(call(&client, &url, &headers, body).await, 200);
    }
    let at = ("GitRepository", it.world.namespace.as_str(), "shop");
    let object = it
        .world
        .object("to have handled the last call", at, |it| {
            let asked = &it["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"];
            !asked.is_null() && it["status"]["lastHandledReconcileAt"] == *asked
        })
        .await;
    assert_eq!(object["status"]["artifact"]["revision"], revision.as_str());
    let log = it.notification.log();
    assert!(log.len() < 100_000, "{} bytes of log", log.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_none_is_refused_and_one_that_is_forged_reaches_no_other_namespace() {
    let it = Notified::start(&[]).await;
    it.provider("hook", json!({"type": "generic", "address": it.sink.url("/hook")}), &[]).await;
    it.alert("hook", "hook", &["Kustomization"]).await;
    let client = reqwest::Client::new();
    let address = format!("http://{}/", it.events);
    let send = async |body: Vec<u8>| {
        client.post(&address).body(body).send().await.expect("the event server answers").status().as_u16()
    };
    let deep = format!("{{\"metadata\": {}", "[".repeat(200_000));
    for body in ["", "null and void", "[]", "{\"message\": 1}", "{\"timestamp\": \"soon\"}", "\u{0}", deep.as_str()] {
        assert_eq!(send(body.as_bytes().to_vec()).await, 400, "{:.30}", body);
    }
    // It is answered by its announcement, before it is sent.
    let large = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", (3 << 20) + 1);
    let events = it.events;
    let answer = tokio::task::spawn_blocking(move || raw(events, &[large.as_bytes()])).await.expect("nothing panics");
    assert_eq!(answer, (413, String::new()));
    let event = |namespace: &str, message: &str, metadata: serde_json::Value| {
        json!({
            "involvedObject": {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "name": "a",
                "namespace": namespace, "uid": "1"},
            "severity": "error", "timestamp": "2026-11-24T10:00:00Z", "message": message, "reason": "Testing",
            "reportingController": "nobody", "metadata": metadata,
        })
        .to_string()
        .into_bytes()
    };
    // Another namespace than the Alert's, and keys of another group, whatever their number.
    assert_eq!(send(event("elsewhere", "from elsewhere", json!({}))).await, 202);
    let many: serde_json::Map<String, serde_json::Value> =
        (0..20_000).map(|n| (format!("other.example.com/{n}"), n.to_string().into())).collect();
    assert_eq!(send(event(&it.world.namespace, "with keys", many.into())).await, 202);
    let seen =
        it.sink.gets("the event of the Alert's namespace", "/hook", |seen| seen.body["message"] == "with keys").await;
    assert_eq!(seen.body["metadata"], json!(null));
    stays("nothing from elsewhere", Duration::from_millis(300), async || {
        let foreign = it.sink.seen("/hook").iter().any(|seen| seen.body["message"] == "from elsewhere");
        if foreign { Err("it came".to_owned()) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let it = Notified::start(&[]).await;
    it.provider("hook", json!({"type": "generic", "address": it.sink.url("/hook")}), &[]).await;
    it.alert("hook", "hook", &["Kustomization"]).await;
    it.sink.mood(Mood::Endless);
    let client = reqwest::Client::new();
    let before = it.notification.memory().0;
    assert_eq!(it.post(&client, "app", "info", "to an endless talker").await, 202);
    eventually("the talker to be left", PATIENCE, async || match it.sink.refused() {
        0 => Err("it talks".to_owned()),
        _ => Ok(()),
    })
    .await;
    it.sink.mood(Mood::Fine);
    it.sink.gets("the message", "/hook", |seen| seen.body["message"] == "to an endless talker").await;
    let most = it.notification.memory().1;
    assert!(most < before + (32 << 20), "{before} became {most}");
}
