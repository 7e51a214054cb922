//! Faults on purpose, as a client meets them.

use reqwest::Method;
use serde_json::json;
use sluice_apiserver::Config;

use crate::client::Client;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn client(rules: &[&str]) -> Client {
    let client = Client::with(Config { simulate: false, ..Config::default() }).await;
    for rule in rules {
        client.server.faults().add(rule.parse().unwrap());
    }
    client
}

#[tokio::test]
async fn a_refused_write_is_not_done_and_says_why() {
    let client = client(&["code=429 retry-after=3 verb=create times=1", "code=409 verb=update times=1"]).await;
    let map = json!({"metadata": {"name": "a"}});
    let request = client.request(Method::POST, MAPS).header("content-type", "application/json");
    let refused = request.body(map.to_string()).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "3"));
    assert_eq!(client.get(&format!("{MAPS}/a")).await.0, 404);
    assert_eq!(client.post(MAPS, &map).await.0, 201);
    let (code, status) = client.send(Method::PUT, &format!("{MAPS}/a"), "application/json", &map).await;
    assert_eq!((code, status["reason"].as_str()), (409, Some("Conflict")));
    assert_eq!(client.server.faults().struck(0), 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_write_done_and_a_cut_request_does_not() {
    let client = client(&["lose verb=create times=1", "cut verb=create times=1"]).await;
    let send = |name: &str| {
        let body = json!({"metadata": {"name": name}}).to_string();
        client.request(Method::POST, MAPS).header("content-type", "application/json").body(body).send()
    };
    assert!(send("lost").await.is_err());
    assert!(send("cut").await.is_err());
    assert_eq!(client.get(&format!("{MAPS}/lost")).await.0, 200);
    assert_eq!(client.get(&format!("{MAPS}/cut")).await.0, 404);
}

#[tokio::test]
async fn a_watch_ends_as_the_rule_says() {
    let client = client(&["watch=gone events=2"]).await;
    for name in ["a", "b", "c"] {
        client.post(MAPS, &json!({"metadata": {"name": name}})).await;
    }
    let answer = client.request(Method::GET, &format!("{MAPS}?watch=1&resourceVersion=0")).send().await.unwrap();
    let text = answer.text().await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[2].contains("\"ERROR\"") && lines[2].contains("410"), "{text}");
}

#[tokio::test]
async fn the_server_is_well_again_without_rules_and_the_process_itself_is_spared() {
    let client = client(&["code=503"]).await;
    assert_eq!(client.get(MAPS).await.0, 503);
    assert_eq!(client.get("/readyz").await.0, 200);
    let local = client.server.local();
    let kind = local.kind("", "v1", "configmaps").unwrap();
    local.create(&kind, "default", json!({"metadata": {"name": "x"}})).unwrap();
    client.server.faults().clear();
    assert_eq!(client.get(&format!("{MAPS}/x")).await.0, 200);
}
