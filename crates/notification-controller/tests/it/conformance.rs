//! `conformance/notification`, kind by kind.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sluice_api::notification::{AlertSpec, ProviderSpec, ReceiverSpec};
use sluice_http::{Secret, Url};
use sluice_notification_controller::alert::{self, labels_match, message_passes, severity_matches, source_matches};
use sluice_notification_controller::event::Event;
use sluice_notification_controller::exchange::{Request, Stage};
use sluice_notification_controller::provider::{self, About, Skip, Target};
use sluice_notification_controller::receiver::{self, Call};

use crate::compare::{matches, only};
use crate::proto;
use crate::world::{Authority, Services};

/// Cases that passed when this was last touched; it may only rise.
const FLOOR: usize = 841;

const SERVER: &str = "http://server.test:8080";
const HOST: &str = "server.test:8080";

#[test]
fn recorded_requests_receivers_and_filters_are_reproduced() {
    let Some(suite) = sluice_testing::suite("notification") else { return };
    let authority = Authority::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut by_kind: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for case in suite.lines("cases.jsonl") {
        let kind = case["kind"].as_str().unwrap_or_default().to_owned();
        let outcome = runtime.block_on(async {
            match kind.as_str() {
                "post" | "alert" => post(&case).await,
                "key" => key(&case),
                "path" => path(&case),
                "receive" => receive(&case, &authority).await,
                other => Err(format!("no such kind: {other}")),
            }
        });
        let count = by_kind.entry(kind).or_default();
        count.0 += usize::from(outcome.is_ok());
        count.1 += 1;
        outcomes.push((case["id"].as_str().unwrap_or_default().to_owned(), outcome));
    }
    for (kind, (passed, total)) in by_kind {
        println!("notification/{kind}: {passed}/{total}");
    }
    suite.report(FLOOR, outcomes);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn secret(value: &Value) -> BTreeMap<String, Secret> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), place(text(value)).into())).collect()
}

fn place(text: &str) -> String {
    text.replace("{server}", SERVER).replace("{host}", HOST)
}

fn path(case: &Value) -> Result<(), String> {
    let got = receiver::path(text(&case["token"]), text(&case["name"]), text(&case["namespace"]));
    matches(&case["path"], &got.into(), "path")
}

fn key(case: &Value) -> Result<(), String> {
    let mut event = Event::parse(case["event"].to_string().as_bytes()).map_err(|e| e.to_string())?;
    event.clean();
    matches(&case["key"], &event.key().into(), "key")?;
    matches(&case["metadata"], &json!(event.metadata), "metadata")
}

/// Whether an alert takes an event, as the event server decides it.
fn matched(spec: &AlertSpec, event: &Event, case: &Value) -> Result<bool, &'static str> {
    if spec.suspend {
        return Ok(false);
    }
    let live = |labels: &BTreeMap<String, String>| {
        labels.is_empty()
            || case["objects"].as_array().into_iter().flatten().any(|object| {
                let meta = &object["metadata"];
                let found: BTreeMap<String, String> =
                    serde_json::from_value(meta["labels"].clone()).unwrap_or_default();
                object["kind"] == event.involved_object.kind.as_str()
                    && object["apiVersion"] == event.involved_object.api_version.as_str()
                    && meta["name"] == event.involved_object.name.as_str()
                    && meta["namespace"] == event.involved_object.namespace.as_str()
                    && labels_match(labels, Some(&found))
            })
    };
    let source = spec.event_sources.iter().find(|it| source_matches(it, "default", event) && live(&it.match_labels));
    let Some(source) = source.filter(|_| severity_matches(spec, event)) else { return Ok(false) };
    if !message_passes(spec, &event.message).0 {
        return Ok(false);
    }
    let foreign = !source.namespace.is_empty() && source.namespace != "default";
    if foreign && case["noCrossNamespaceRefs"] == true {
        return Err("dispatch-error");
    }
    Ok(true)
}

async fn post(case: &Value) -> Result<(), String> {
    let mut event = Event::parse(case["event"].to_string().as_bytes()).map_err(|e| e.to_string())?;
    event.clean();
    event.forget_token();
    let mut alert = case["alert"].clone();
    if alert["eventSeverity"].is_null() {
        // The default is the API server's, which the recorded controller did not ask.
        alert["eventSeverity"] = "".into();
    }
    let spec: AlertSpec = serde_json::from_value(alert).map_err(|e| e.to_string())?;
    let mut provider = case["provider"].clone();
    provider["address"] = place(text(&provider["address"])).into();
    let services = Services::default();
    let (outcome, notification) = deliver(case, &spec, &provider, &event, &services).await;
    let detail = outcome.1.clone();
    if case["outcome"] != outcome.0 {
        return Err(format!("want outcome {}, got {} ({detail})", case["outcome"], outcome.0));
    }
    if case["error"].is_string() == detail.is_empty() {
        return Err(format!("want error {}, got {detail}", case["error"]));
    }
    if case["kind"] == "alert" {
        return match notification {
            Some(got) if case["notification"].is_object() => {
                matches(&case["notification"], &json!(got), "notification")
            }
            _ => Ok(()),
        };
    }
    let requests = services.requests.lock().unwrap();
    let want = case["requests"].as_array().cloned().unwrap_or_default();
    if want.len() != requests.len() {
        return Err(format!("want {} requests, got {requests:?}", want.len()));
    }
    want.iter().zip(requests.iter()).try_for_each(|(want, got)| same_request(want, got))
}

type Outcome = (&'static str, String);

async fn deliver(
    case: &Value,
    spec: &AlertSpec,
    provider: &Value,
    event: &Event,
    services: &Services,
) -> (Outcome, Option<Event>) {
    let done = |outcome| ((outcome, String::new()), None);
    match matched(spec, event, case) {
        Ok(true) => {}
        Ok(false) => return done("not-matched"),
        Err(why) => return ((why, "refused".to_owned()), None),
    }
    let provider_spec: ProviderSpec = serde_json::from_value(provider.clone()).expect("a provider is one");
    if provider_spec.suspend {
        return done("skipped");
    }
    match provider::takes(provider_spec.type_.as_str(), event) {
        Ok(()) => {}
        Err(Skip::CommitStatus) => return done("skipped"),
        Err(Skip::NoCommit) => return done("dropped-no-commit-key"),
        Err(Skip::NoChangeRequest) => return done("dropped-no-change-request-key"),
    }
    let (notification, _) = alert::notification(spec, event);
    if case["kind"] == "alert" {
        return (("to-send", String::new()), Some(notification));
    }
    let about = About {
        alert: json!({"metadata": {"name": "alert", "namespace": "default"}, "spec": case["alert"]}),
        provider: json!({"metadata": {"name": "provider", "namespace": "default",
            "uid": "0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a"}, "spec": provider}),
    };
    let outcome = match Target::new(&provider_spec, &secret(&case["secret"]), about) {
        Ok(target) => provider::send(&target, &notification, services).await,
        Err(failure) => Err(failure),
    };
    let outcome = match outcome {
        Ok(()) => ("sent", String::new()),
        Err(failure) if failure.stage == Stage::Setup => ("dispatch-error", failure.message),
        Err(failure) => ("send-error", failure.message),
    };
    (outcome, None)
}

fn same_request(want: &Value, got: &Request) -> Result<(), String> {
    let mut url = got.url.clone();
    url.set_query(None);
    let wanted = Url::parse(&place(text(&want["url"]))).map_err(|e| e.to_string())?;
    if url != wanted || want["method"] != got.method.as_str() {
        return Err(format!("want {} {wanted}, got {} {url}", want["method"], got.method));
    }
    let query: Map<String, Value> =
        got.url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned().into())).collect();
    let wanted = want.get("query").cloned().unwrap_or_else(|| json!({}));
    matches(&wanted, &Value::Object(query), "query")?;
    for (name, value) in want["headers"].as_object().into_iter().flatten() {
        let found = got.headers.get(name.as_str()).and_then(|it| it.to_str().ok()).unwrap_or_default();
        matches(value, &found.trim().into(), &format!("header {name}"))?;
    }
    let body = || serde_json::from_slice::<Value>(&got.body).map_err(|e| format!("the body is no JSON: {e}"));
    if let Some(json) = want.get("json") {
        let got = body()?;
        // Where the alias of an alert is not recorded it does not matter.
        let got = if text(&want["url"]).contains("opsgenie") { only(json, &got) } else { got };
        return matches(json, &got, "body");
    }
    if let Some(form) = want.get("form") {
        let pairs = Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(&got.body))).unwrap();
        let pairs: Map<String, Value> =
            pairs.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned().into())).collect();
        return matches(form, &Value::Object(pairs), "form");
    }
    if let Some(lines) = want.get("jsonLines").and_then(Value::as_array) {
        let got: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(&got.body).into_iter::<Value>().collect();
        let got = got.map_err(|e| e.to_string())?;
        if lines.len() != got.len() {
            return Err(format!("want {} lines, got {}", lines.len(), got.len()));
        }
        return lines.iter().zip(&got).try_for_each(|(want, got)| matches(want, &only(want, got), "line"));
    }
    if let Some(want) = want.get("protobufAsJson") {
        return matches(&sorted(want), &sorted(&proto::export(&got.body)), "protobuf");
    }
    if let Some(want) = want.get("text") {
        return matches(want, &String::from_utf8_lossy(&got.body).into_owned().into(), "text");
    }
    if got.body.is_empty() { Ok(()) } else { Err("a body is not wanted".to_owned()) }
}

/// Attributes have no order, and the original writes them in none.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) if map.contains_key("{anyOrder}") => sorted(&map["{anyOrder}"]),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect()),
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(sorted).collect();
            list.sort_by_key(|it| text(&it["key"]).to_owned());
            list.into()
        }
        other => other.clone(),
    }
}

async fn receive(case: &Value, authority: &Authority) -> Result<(), String> {
    let (status, reconciled) = call(case, authority).await;
    if case["status"] != status {
        return Err(format!("want status {}, got {status} ({reconciled:?})", case["status"]));
    }
    let reconciled = reconciled.unwrap_or_default();
    let mut want: Vec<&str> = case["reconciled"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut got: Vec<&str> = reconciled.iter().map(String::as_str).collect();
    want.sort_unstable();
    got.sort_unstable();
    if want == got { Ok(()) } else { Err(format!("want {want:?} reconciled, got {got:?}")) }
}

async fn call(case: &Value, authority: &Authority) -> (u16, Result<Vec<String>, String>) {
    let request = &case["request"];
    if request.get("path").is_some_and(|it| it != "/hook/abc") {
        return (404, Ok(Vec::new()));
    }
    let spec: ReceiverSpec = serde_json::from_value(case["receiver"].clone()).expect("a receiver is one");
    if spec.suspend || case["notReady"] == true {
        return (503, Ok(Vec::new()));
    }
    let body = match request["BodySize"].as_u64() {
        Some(size) => vec![b'x'; size as usize],
        None => text(&request["body"]).as_bytes().to_vec(),
    };
    if body.len() > receiver::BODY {
        return (413, Ok(Vec::new()));
    }
    let mut headers = http::HeaderMap::new();
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        let name: http::HeaderName = name.parse().expect("a name is one");
        headers.insert(name, text(value).parse().expect("a value is one"));
    }
    if request["OIDC"].is_object() {
        let token = format!("Bearer {}", authority.token(&request["OIDC"]));
        headers.insert("authorization", token.parse().expect("a token can be sent"));
    }
    let called = Call { headers: &headers, body: &body };
    let accepted = match receiver::verify(&spec, &secret(&case["secret"]), called, authority).await {
        Ok(accepted) => accepted,
        Err(why) => return (400, Err(why.to_string())),
    };
    let objects = case["objects"].as_array().cloned().unwrap_or_default();
    let (meant, problems) = select(&spec, case["noCrossNamespaceRefs"] == true, &accepted, &objects);
    (if problems.is_empty() { 200 } else { 500 }, Ok(meant))
}

/// The same decisions as the webhook server's, on recorded objects.
fn select(
    spec: &ReceiverSpec,
    no_cross_namespace: bool,
    accepted: &receiver::Accepted,
    objects: &[Value],
) -> (Vec<String>, Vec<String>) {
    let filters = match receiver::compile_all(spec) {
        Ok(filters) => filters,
        Err(why) => return (Vec::new(), vec![why.to_string()]),
    };
    let (mut meant, mut problems) = (Vec::new(), Vec::new());
    for (at, resource) in spec.resources.iter().enumerate() {
        let wanted = match receiver::wanted(resource, "default", no_cross_namespace) {
            Ok(wanted) => wanted,
            Err(why) => {
                problems.push(why.to_string());
                continue;
            }
        };
        let fits = |object: &&Value| {
            object["apiVersion"] == wanted.api_version.as_str()
                && object["kind"] == wanted.kind.as_str()
                && object["metadata"]["namespace"] == wanted.namespace.as_str()
        };
        let found: Vec<&Value> = match &wanted.name {
            Some(name) => {
                let found = objects.iter().filter(fits).find(|it| it["metadata"]["name"] == name.as_str());
                if found.is_none() {
                    problems.push(format!("{name} not found"));
                }
                found.into_iter().collect()
            }
            None => {
                let labels = |it: &&Value| -> bool {
                    let found: BTreeMap<String, String> =
                        serde_json::from_value(it["metadata"]["labels"].clone()).unwrap_or_default();
                    labels_match(&wanted.labels, Some(&found))
                };
                objects.iter().filter(fits).filter(labels).collect()
            }
        };
        for object in found {
            match receiver::admitted(&filters, at, object, accepted) {
                Ok(true) => {
                    let meta = &object["metadata"];
                    meant.push(format!("{}/{}/{}", wanted.kind, text(&meta["namespace"]), text(&meta["name"])));
                }
                Ok(false) => {}
                Err(why) => problems.push(why.to_string()),
            }
        }
    }
    (meant, problems)
}
