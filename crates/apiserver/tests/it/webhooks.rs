//! Admission webhooks, against a server that really listens.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use crate::client::Client;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";

/// What a hook says to the `request` of a review, by path.
type Say = fn(&str, &Value) -> Value;

struct Hooks {
    address: SocketAddr,
    authority: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Hooks {
    async fn start(say: Say) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "hook.default.svc".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let chain = vec![made.cert.der().clone()];
        let config = builder.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let seen = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), seen.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                        let seen = seen.clone();
                        async move { Ok::<_, Infallible>(reply(request, say, &seen).await) }
                    });
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, authority: made.cert.pem(), asked }
    }

    /// A hook on ConfigMaps at a path of this server.
    fn hook(&self, name: &str, more: Value) -> Value {
        let mut hook = json!({
            "name": name,
            "clientConfig": {
                "url": format!("https://localhost:{}/{name}", self.address.port()),
                "caBundle": STANDARD.encode(&self.authority),
            },
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        });
        hook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        hook
    }

    fn asked(&self, path: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(it, _)| it.trim_start_matches('/') == path).map(|(_, it)| it.clone()).collect()
    }
}

async fn reply(
    request: http::Request<hyper::body::Incoming>,
    say: Say,
    seen: &Mutex<Vec<(String, Value)>>,
) -> http::Response<Full<bytes::Bytes>> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    seen.lock().unwrap().push((path.clone(), review["request"].clone()));
    let mut response = say(path.trim_start_matches('/'), &review["request"]);
    if response == "late" {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        response = json!({"allowed": true});
    }
    if let Some(code) = response.as_u64() {
        let code = u16::try_from(code).unwrap();
        return http::Response::builder().status(code).body(Full::from("broken")).unwrap();
    }
    response["uid"] = review["request"]["uid"].clone();
    if let Some(patch) = response.get("patch").cloned() {
        response["patch"] = STANDARD.encode(patch.to_string()).into();
        response["patchType"] = "JSONPatch".into();
    }
    let answer = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response});
    http::Response::new(Full::from(answer.to_string()))
}

/// Makes a configuration of these hooks.
async fn configure(client: &Client, kind: &str, name: &str, hooks: &[Value]) {
    let object = json!({"metadata": {"name": name}, "webhooks": hooks});
    let (code, answer) = client.post(&format!("{ADMISSION}/{kind}webhookconfigurations"), &object).await;
    assert_eq!(code, 201, "{answer}");
}

#[track_caller]
fn refused((code, answer): (u16, Value), want: u16, message: &str) {
    let told = answer["message"].as_str().unwrap_or_default();
    assert!(code == want && told.starts_with(message), "{code} {answer}\nwant {want} {message}");
}

fn map(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"a": "1"}})
}

fn judge(path: &str, request: &Value) -> Value {
    let name = request["name"].as_str().unwrap_or_default();
    match (path, name) {
        ("deny.e.x", "bad") => json!({"allowed": false, "status": {"message": "bad name"}}),
        ("deny.e.x", "worse") => json!({"allowed": false, "status": {"reason": "Forbidden", "code": 403}}),
        ("deny.e.x", "worst") => json!({"allowed": false}),
        ("deny.e.x", "kept") if request["operation"] == "DELETE" => {
            json!({"allowed": false, "status": {"message": "it stays", "code": 403}})
        }
        ("deny.e.x", "odd") => json!({"allowed": true, "warnings": ["odd it is"]}),
        ("broken.e.x", _) => json!(500),
        ("late.e.x", _) => "late".into(),
        _ => json!({"allowed": true}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validating_hook_denies_warns_and_sees_all() {
    let client = Client::new().await;
    let hooks = Hooks::start(judge).await;
    configure(&client, "validating", "v", &[hooks.hook("deny.e.x", json!({}))]).await;
    let denied = "admission webhook \"deny.e.x\" denied the request";
    refused(client.post(MAPS, &map("bad", json!({}))).await, 400, &format!("{denied}: bad name"));
    refused(client.post(MAPS, &map("worse", json!({}))).await, 403, &format!("{denied}: Forbidden"));
    refused(client.post(MAPS, &map("worst", json!({}))).await, 400, &format!("{denied} without explanation"));
    let post = client.request(Method::POST, MAPS).header("content-type", "application/json");
    let answer = post.body(map("odd", json!({})).to_string()).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["warning"].to_str().unwrap()), (201, "299 - \"odd it is\""));
    client.post(MAPS, &map("kept", json!({}))).await;
    refused(client.delete(&format!("{MAPS}/kept")).await, 403, &format!("{denied}: it stays"));
    let patch = json!({"data": {"b": "2"}});
    client.send(Method::PATCH, &format!("{MAPS}/kept"), "application/merge-patch+json", &patch).await;
    let asked = hooks.asked("deny.e.x");
    let update = asked.iter().find(|it| it["operation"] == "UPDATE").unwrap();
    assert_eq!((&update["oldObject"]["data"]["b"], &update["object"]["data"]["b"]), (&Value::Null, &json!("2")));
    assert_eq!(update["resource"], json!({"group": "", "version": "v1", "resource": "configmaps"}));
    assert_eq!((&update["userInfo"]["username"], &update["namespace"]), (&json!("admin"), &json!("default")));
    let delete = asked.iter().find(|it| it["operation"] == "DELETE").unwrap();
    assert_eq!((&delete["object"], &delete["oldObject"]["metadata"]["name"]), (&Value::Null, &json!("kept")));
    // Once it is gone, so is its say.
    client.delete(&format!("{ADMISSION}/validatingwebhookconfigurations/v")).await;
    assert_eq!(client.post(MAPS, &map("bad", json!({}))).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_and_conditions_say_who_is_asked() {
    let client = Client::new().await;
    let hooks = Hooks::start(|_, _| json!({"allowed": false})).await;
    let team = json!({"matchLabels": {"team": "x"}});
    let condition = |expression: &str| json!({"matchConditions": [{"name": "c", "expression": expression}]});
    let creation = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["*/*"]}]);
    for (name, more, asks) in [
        ("object.e.x", json!({"objectSelector": team}), false),
        ("namespace.e.x", json!({"namespaceSelector": team}), false),
        ("condition.e.x", condition("request.userInfo.username != 'admin'"), false),
        (
            "resource.e.x",
            json!({"rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["*"]}]}),
            false,
        ),
        ("own.e.x", json!({"objectSelector": {"matchLabels": {"app": "w"}}}), true),
        ("holds.e.x", condition("object.data.a == '1' && request.operation == 'CREATE'"), true),
        ("all.e.x", json!({"rules": creation}), true),
    ] {
        configure(&client, "validating", "v", &[hooks.hook(name, more)]).await;
        let (code, answer) = client.post(&format!("{MAPS}?dryRun=All"), &map("m", json!({"app": "w"}))).await;
        assert_eq!(code, if asks { 400 } else { 201 }, "{name}: {answer}");
        client.delete(&format!("{ADMISSION}/validatingwebhookconfigurations/v")).await;
    }
    let mut broken = hooks.hook("condition.e.x", condition("object.nothing.there"));
    configure(&client, "validating", "v", std::slice::from_ref(&broken)).await;
    let forbidden = "configmaps \"m\" is forbidden: expression 'object.nothing.there' resulted in error";
    refused(client.post(MAPS, &map("m", json!({}))).await, 403, forbidden);
    broken["failurePolicy"] = "Ignore".into();
    client.delete(&format!("{ADMISSION}/validatingwebhookconfigurations/v")).await;
    configure(&client, "validating", "v", &[broken]).await;
    assert_eq!(client.post(MAPS, &map("m", json!({}))).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_cannot_be_asked_fails_closed_or_open() {
    let client = Client::new().await;
    let hooks = Hooks::start(judge).await;
    let url = |port: u16| json!({"url": format!("https://127.0.0.1:{port}/x"), "caBundle": STANDARD.encode(&hooks.authority)});
    let service = json!({"service": {"namespace": "default", "name": "hook", "path": "/x"}});
    let port = hooks.address.port();
    let failing =
        |name: &str| format!("Internal error occurred: failed calling webhook \"{name}\": failed to call webhook: ");
    let cases = [
        (
            "late.e.x",
            json!({"timeoutSeconds": 1}),
            format!("Post \"https://localhost:{port}/late.e.x?timeout=1s\": context deadline exceeded"),
        ),
        (
            "broken.e.x",
            json!({}),
            "an error on the server (\"broken\") has prevented the request from succeeding".into(),
        ),
        (
            "gone.e.x",
            json!({"clientConfig": url(1)}),
            "Post \"https://127.0.0.1:1/x?timeout=10s\": dial tcp: connect: connection refused".into(),
        ),
        (
            "stranger.e.x",
            json!({"clientConfig": {"url": format!("https://localhost:{port}/x"), "caBundle": STANDARD.encode(client.server.authority())}}),
            format!(
                "Post \"https://localhost:{port}/x?timeout=10s\": tls: failed to verify certificate: x509: certificate signed by unknown authority"
            ),
        ),
        (
            "service.e.x",
            json!({"clientConfig": service}),
            "Post \"https://hook.default.svc:443/x?timeout=10s\": service \"hook\" not found".into(),
        ),
    ];
    for (name, more, why) in cases {
        let mut hook = hooks.hook(name, more);
        configure(&client, "validating", "v", std::slice::from_ref(&hook)).await;
        refused(client.post(MAPS, &map("m", json!({}))).await, 500, &format!("{}{why}", failing(name)));
        client.delete(&format!("{ADMISSION}/validatingwebhookconfigurations/v")).await;
        hook["failurePolicy"] = "Ignore".into();
        configure(&client, "validating", "v", &[hook]).await;
        let (code, answer) = client.post(&format!("{MAPS}?dryRun=All"), &map("m", json!({}))).await;
        assert_eq!(code, 201, "{answer}");
        client.delete(&format!("{ADMISSION}/validatingwebhookconfigurations/v")).await;
    }
    let mut dry = hooks.hook("dry.e.x", json!({"sideEffects": "Some"}));
    let object = json!({"metadata": {"name": "v"}, "webhooks": [dry]});
    let (code, answer) = client.post(&format!("{ADMISSION}/validatingwebhookconfigurations"), &object).await;
    assert_eq!((code, &answer["details"]["causes"][0]["field"]), (422, &json!("webhooks[0].sideEffects")));
    dry["sideEffects"] = "NoneOnDryRun".into();
    configure(&client, "validating", "v", &[dry]).await;
    assert_eq!(client.post(&format!("{MAPS}?dryRun=All"), &map("m", json!({}))).await.0, 201);
    assert_eq!(hooks.asked("dry.e.x")[0]["dryRun"], true);
}

fn change(path: &str, request: &Value) -> Value {
    let has = |label: &str| request["object"]["metadata"]["labels"].get(label).is_some();
    let add = |label: &str| json!({"allowed": true, "patch": [{"op": "add", "path": format!("/metadata/labels/{label}"), "value": "y"}]});
    match path {
        "first.e.x" if has("second") => add("saw-second"),
        "first.e.x" | "once.e.x" if has("second") => json!({"allowed": true}),
        "second.e.x" => add("second"),
        "wrong.e.x" => json!({"allowed": true, "patch": [{"op": "replace", "path": "/nothing/there", "value": 1}]}),
        _ => json!({"allowed": true}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutating_hooks_change_and_are_asked_again() {
    let client = Client::new().await;
    let hooks = Hooks::start(change).await;
    let again = json!({"reinvocationPolicy": "IfNeeded"});
    let list = [hooks.hook("first.e.x", again), hooks.hook("once.e.x", json!({})), hooks.hook("second.e.x", json!({}))];
    configure(&client, "mutating", "m", &list).await;
    let (code, made) = client.post(MAPS, &map("m", json!({"a": "b"}))).await;
    assert_eq!((code, &made["metadata"]["labels"]), (201, &json!({"a": "b", "second": "y", "saw-second": "y"})));
    let counts = ["first.e.x", "once.e.x", "second.e.x"].map(|path| hooks.asked(path).len());
    assert_eq!(counts, [2, 1, 1]);
    // An apply through the hooks is as idempotent as they are.
    let path = format!("{MAPS}/n?fieldManager=f");
    let applied = map_of("n");
    let apply = || client.send(Method::PATCH, &path, "application/apply-patch+yaml", &applied);
    let (one, two) = (apply().await.1, apply().await.1);
    assert_eq!(one["metadata"]["labels"]["second"], "y", "{one}");
    assert_eq!(one["metadata"]["resourceVersion"], two["metadata"]["resourceVersion"]);
    configure(&client, "mutating", "w", &[hooks.hook("wrong.e.x", json!({}))]).await;
    let why = "Internal error occurred: failed to apply JSON patch of webhook \"wrong.e.x\"";
    refused(client.post(MAPS, &map("x", json!({"a": "b"}))).await, 500, why);
}

fn map_of(name: &str) -> Value {
    map(name, json!({"a": "b"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_where_its_endpoint_slice_says() {
    let client = Client::new().await;
    let hooks = Hooks::start(|_, _| json!({"allowed": false, "status": {"message": "found"}})).await;
    let service = json!({"metadata": {"name": "hook"}, "spec": {"ports": [{"port": 443}]}});
    assert_eq!(client.post("/api/v1/namespaces/default/services", &service).await.0, 201);
    let config = json!({"clientConfig": {
        "service": {"namespace": "default", "name": "hook", "path": "/x"}, "caBundle": STANDARD.encode(&hooks.authority),
    }});
    configure(&client, "validating", "v", &[hooks.hook("service.e.x", config)]).await;
    let map = map_of("m");
    let post = || client.post(MAPS, &map);
    let url = "https://hook.default.svc:443/x?timeout=10s";
    let why = format!("failed to call webhook: Post \"{url}\": no endpoints available for service \"hook\"");
    refused(post().await, 500, &format!("Internal error occurred: failed calling webhook \"service.e.x\": {why}"));
    let slice = json!({
        "metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"}}, "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"]}], "ports": [{"port": hooks.address.port(), "name": ""}],
    });
    let (code, answer) = client.post("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", &slice).await;
    assert_eq!(code, 201, "{answer}");
    refused(post().await, 400, "admission webhook \"service.e.x\" denied the request: found");
}

#[tokio::test]
async fn a_configuration_is_checked() {
    let client = Client::new().await;
    let hook = json!({"name": "x", "clientConfig": {"url": "http://e.x"}, "timeoutSeconds": 31});
    let object = json!({"metadata": {"name": "v"}, "webhooks": [hook]});
    let (code, answer) = client.post(&format!("{ADMISSION}/validatingwebhookconfigurations"), &object).await;
    let message = answer["message"].as_str().unwrap_or_default();
    assert_eq!(code, 422, "{answer}");
    for part in [
        "webhooks[0].name: Invalid value: \"x\": should be a domain with at least three segments separated by dots",
        "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1",
        "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun",
        "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
        "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme",
    ] {
        assert!(message.contains(part), "no `{part}` in {message}");
    }
}
