//! What must hold of the server itself.

use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use sluice_apiserver::Config;

use crate::client::{ALICE, Client};

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": value}})
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test(flavor = "multi_thread")]
async fn writes_survive_a_restart_and_clients_stay_known() {
    let directory = tempfile::tempdir().unwrap();
    let config = || Config { data_dir: Some(directory.path().into()), simulate: false, ..Config::default() };
    let client = Client::with(config()).await;
    let (_, made) = client.post(CONFIG_MAPS, &config_map("kept", "1")).await;
    let authority = client.server.authority().to_owned();
    client.server.shutdown().await;
    let client = Client::with(config()).await;
    assert_eq!(client.server.authority(), authority);
    assert_eq!(client.get(&format!("{CONFIG_MAPS}/kept")).await, (200, made));
}

/// Runs a server in `SLUICE_TEST_DIRECTORY` until it is killed; no test of its own.
#[tokio::test(flavor = "multi_thread")]
async fn server_to_be_killed() {
    let Some(directory) = std::env::var_os("SLUICE_TEST_DIRECTORY").map(std::path::PathBuf::from) else { return };
    let data_dir = Some(directory.join("data"));
    let client = Client::with(Config { data_dir, simulate: false, ..Config::default() }).await;
    std::fs::write(directory.join("url.new"), client.server.url()).unwrap();
    std::fs::rename(directory.join("url.new"), directory.join("url")).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_write_is_lost_when_the_server_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    // SLUICE_KILLS=200 is the storm; a few are enough to see that nothing broke.
    let kills = std::env::var("SLUICE_KILLS").ok().map_or(8, |text| text.parse().unwrap());
    for round in 0..kills {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "facts::server_to_be_killed", "--nocapture"])
            .env("SLUICE_TEST_DIRECTORY", directory.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let file = directory.path().join("url");
        let url = loop {
            match std::fs::read_to_string(&file) {
                Ok(url) => break url,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        };
        std::fs::remove_file(&file).unwrap();
        let get = http.get(format!("{url}{CONFIG_MAPS}")).bearer_auth(crate::client::ADMIN);
        let list: Value = get.send().await.unwrap().json().await.unwrap();
        let names: std::collections::HashSet<&str> =
            list["items"].as_array().unwrap().iter().map(|i| i["metadata"]["name"].as_str().unwrap()).collect();
        for name in &acknowledged {
            assert!(names.contains(name.as_str()), "round {round}: {name} is lost");
        }
        // Somebody writes until the server is gone.
        let writer = tokio::spawn({
            let (http, url) = (http.clone(), url.clone());
            async move {
                let mut done = Vec::new();
                for n in 0.. {
                    let name = format!("r{round}-{n}");
                    let post = http.post(format!("{url}{CONFIG_MAPS}")).bearer_auth(crate::client::ADMIN);
                    match post.json(&config_map(&name, "1")).send().await {
                        Ok(answer) if answer.status() == 201 => done.push(name),
                        _ => break,
                    }
                }
                done
            }
        });
        tokio::time::sleep(std::time::Duration::from_millis(20 + 13 * (round % 8))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(acknowledged.len() > 8, "the writer did write");
    println!("{} writes, {kills} kills, none lost", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_version_is_gone_and_pages_stay_consistent() {
    let config = {
        let mut config = Config { simulate: false, ..Config::default() };
        config.limits.store.history_events = 4;
        config
    };
    let client = Client::with(config).await;
    for index in 0..3 {
        client.post(CONFIG_MAPS, &config_map(&format!("c{index}"), "1")).await;
    }
    let (_, page) = client.get(&format!("{CONFIG_MAPS}?limit=1")).await;
    let next = page["metadata"]["continue"].as_str().unwrap().to_owned();
    client.post(CONFIG_MAPS, &config_map("c1a", "1")).await;
    let (_, second) = client.get(&format!("{CONFIG_MAPS}?limit=9&continue={next}")).await;
    let names: Vec<&str> =
        second["items"].as_array().unwrap().iter().map(|i| i["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c1", "c2", "kube-root-ca.crt"], "the page does not see what came later");
    for index in 0..9 {
        client.post(CONFIG_MAPS, &config_map(&format!("d{index}"), "1")).await;
    }
    let (code, error) = client.get(&format!("{CONFIG_MAPS}?limit=9&continue={next}")).await;
    assert_eq!((code, error["reason"].as_str()), (410, Some("Expired")));
    let version = page["metadata"]["resourceVersion"].as_str().unwrap();
    let (code, error) = client.get(&format!("{CONFIG_MAPS}?watch=1&resourceVersion={version}")).await;
    assert_eq!((code, error["reason"].as_str()), (410, Some("Expired")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_list_ends_its_beginning_with_a_bookmark() {
    let client = Client::new().await;
    client.post(CONFIG_MAPS, &config_map("c", "1")).await;
    let query = "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
    let response = client.request(Method::GET, &format!("{CONFIG_MAPS}?{query}")).send().await.unwrap();
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while !text.contains("initial-events-end") {
        text.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
    }
    let kinds: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["ADDED", "ADDED", "BOOKMARK"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_the_health_and_nothing_else() {
    let mut client = Client::new().await;
    client.token = "nobody's";
    assert_eq!(client.get("/healthz").await.0, 401);
    let url = client.server.url().to_owned();
    let health = client.http.get(format!("{url}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let refused = client.http.get(format!("{url}{CONFIG_MAPS}")).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    client.token = ALICE;
    assert_eq!(client.get(CONFIG_MAPS).await.0, 403);
    assert_eq!(client.get("/version").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_token_works_until_its_account_is_gone() {
    let mut client = Client::new().await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}});
    client.post(accounts, &account).await;
    let (code, answer) = client.post(&format!("{accounts}/s/token"), &json!({"spec": {}})).await;
    assert_eq!(code, 201, "{answer}");
    let token = answer["status"]["token"].as_str().unwrap().to_owned();
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    client.token = Box::leak(token.into_boxed_str());
    let (_, answer) = client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await;
    assert_eq!(answer["status"]["userInfo"]["username"], "system:serviceaccount:default:s");
    let token = std::mem::replace(&mut client.token, crate::client::ADMIN);
    client.delete(&format!("{accounts}/s")).await;
    client.token = token;
    assert_eq!(client.get("/version").await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn autoscalers_and_events_are_read_in_the_shape_asked_for() {
    let client = Client::new().await;
    let hpa = "namespaces/default/horizontalpodautoscalers";
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"});
    let spec = json!({"maxReplicas": 3, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 50});
    let object = json!({"metadata": {"name": "h"}, "spec": spec});
    let (code, answer) = client.post(&format!("/apis/autoscaling/v1/{hpa}"), &object).await;
    assert_eq!((code, &answer["spec"]["targetCPUUtilizationPercentage"]), (201, &json!(50)), "{answer}");
    let (_, v2) = client.get(&format!("/apis/autoscaling/v2/{hpa}/h")).await;
    assert_eq!(v2["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 50, "{v2}");
    let (_, v1) = client.get(&format!("/apis/autoscaling/v1/{hpa}")).await;
    assert_eq!(v1["items"][0]["spec"]["targetCPUUtilizationPercentage"], 50, "{v1}");
    let event = json!({
        "metadata": {"name": "e"}, "eventTime": "2026-01-01T00:00:00.000000Z", "note": "hello", "action": "a",
        "reason": "R", "type": "Normal", "reportingController": "c", "reportingInstance": "i",
        "regarding": {"kind": "ConfigMap", "name": "x", "namespace": "default"},
    });
    let (code, answer) = client.post("/apis/events.k8s.io/v1/namespaces/default/events", &event).await;
    assert_eq!((code, &answer["note"]), (201, &json!("hello")), "{answer}");
    let (_, core) = client.get("/api/v1/namespaces/default/events/e").await;
    assert_eq!((&core["message"], &core["involvedObject"]["name"]), (&json!("hello"), &json!("x")), "{core}");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_named_when_they_are_hit() {
    let client = Client::new().await;
    let big = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"a": "x".repeat(4 << 20)}});
    let (code, error) = client.post(CONFIG_MAPS, &big).await;
    assert_eq!(code, 413);
    assert!(error["message"].as_str().unwrap().contains("limit is 3145728"), "{error}");
    let deep = "[".repeat(100_000);
    let request = client.request(Method::POST, CONFIG_MAPS).header("content-type", "application/json").body(deep);
    assert_eq!(request.send().await.unwrap().status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_five_thousand_is_quick() {
    let client = Client::new().await;
    let local = client.server.local();
    let kind = local.kind("", "v1", "configmaps").unwrap();
    for index in 0..5000 {
        local.create(&kind, "default", config_map(&format!("c{index}"), "1")).unwrap();
    }
    let (code, list) = client.get(CONFIG_MAPS).await;
    assert_eq!((code, list["items"].as_array().unwrap().len()), (200, 5001));
}

#[tokio::test]
async fn the_whole_state_moves_to_another_server() {
    let from = Client::new().await;
    let definition = json!({
        "metadata": {"name": "things.e.x"},
        "spec": {"group": "e.x", "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
    });
    from.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await;
    from.post("/api/v1/namespaces", &json!({"metadata": {"name": "n"}})).await;
    let thing = json!({"apiVersion": "e.x/v1", "kind": "Thing", "metadata": {"name": "t"}, "a": 1});
    let (code, mut made) = from.post("/apis/e.x/v1/namespaces/n/things", &thing).await;
    assert_eq!(code, 201, "{made}");
    let state = from.server.local().dump();
    let to = Client::new().await;
    let list = json!({"apiVersion": "v1", "kind": "List", "items": state});
    assert_eq!(to.server.local().load(vec![list]).unwrap(), from.server.local().dump().len());
    let (code, mut found) = to.get("/apis/e.x/v1/namespaces/n/things/t").await;
    for object in [&mut made, &mut found] {
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    }
    assert_eq!((code, found), (200, made));
    let unknown = json!({"apiVersion": "no/v1", "kind": "Such", "metadata": {"name": "x"}});
    assert!(to.server.local().load(vec![unknown]).unwrap_err().message.contains("no kind `Such`"));
}

#[tokio::test]
async fn options_of_a_deletion_may_come_in_protobuf() {
    // As helm sends them when it purges a release.
    let client = Client::new().await;
    client.post(CONFIG_MAPS, &config_map("a", "1")).await;
    let body = b"k8s\0\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions\x12\x0c\x22\x0aBackground".to_vec();
    let request = client.request(Method::DELETE, &format!("{CONFIG_MAPS}/a"));
    let request = request.header("content-type", "application/vnd.kubernetes.protobuf").body(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
    assert_eq!(client.get(&format!("{CONFIG_MAPS}/a")).await.0, 404);
}

#[tokio::test]
async fn discovery_tells_what_is_stored() {
    let client = Client::new().await;
    let hash = async |path: &str, plural: &str| {
        let (_, list) = client.get(path).await;
        let found = list["resources"].as_array().unwrap().iter().find(|it| it["name"] == plural).unwrap().clone();
        found["storageVersionHash"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(hash("/api/v1", "pods").await, "xPOwRZ+Yhw8=");
    assert_eq!(hash("/api/v1", "pods/status").await, "");
    assert_eq!(hash("/apis/autoscaling/v1", "horizontalpodautoscalers").await, "qwQve8ut294=");
}

#[tokio::test]
async fn the_clock_of_workloads_is_told_and_turned() {
    let clock = sluice_apiserver::Clock::stopped("2030-01-01T00:00:00Z".parse().unwrap());
    let client = Client::with(Config { clock, simulate: false, ..Config::default() }).await;
    assert_eq!(client.get("/sluice/clock").await, (200, json!({"time": "2030-01-01T00:00:00Z"})));
    let turned = client.post("/sluice/clock", &json!({"advance": "1h30m"})).await;
    assert_eq!(turned, (200, json!({"time": "2030-01-01T01:30:00Z"})));
    assert_eq!(client.post("/sluice/clock", &json!({"advance": "soon"})).await.0, 400);
    let (_, made) = client.post(CONFIG_MAPS, &config_map("m", "1")).await;
    assert_eq!(made["metadata"]["creationTimestamp"], "2030-01-01T01:30:00Z");
    let stranger = client.http.post(format!("{}/sluice/clock", client.server.url())).send().await.unwrap();
    assert_eq!(stranger.status().as_u16(), 403);
}

#[tokio::test]
async fn a_rule_with_an_optional_old_self_runs_on_creation_too() {
    let client = Client::new().await;
    let rule = json!({"rule": "oldSelf.hasValue() ? self >= oldSelf.value() : self == 1", "optionalOldSelf": true});
    let count = json!({"type": "integer", "x-kubernetes-validations": [rule]});
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"count": count}}}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "cs.e.x"},
        "spec": {"group": "e.x", "scope": "Namespaced", "names": {"plural": "cs", "kind": "C"}, "versions": [
            {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}},
        ]},
    });
    let (code, answer) = client.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await;
    assert_eq!(code, 201, "{answer}");
    let path = "/apis/e.x/v1/namespaces/default/cs";
    let object = |name: &str, count: i64| json!({"apiVersion": "e.x/v1", "kind": "C", "metadata": {"name": name}, "spec": {"count": count}});
    assert_eq!(client.post(path, &object("a", 2)).await.0, 422);
    assert_eq!(client.post(path, &object("a", 1)).await.0, 201);
    let patch = async |count: i64| {
        let patch = json!({"spec": {"count": count}});
        client.send(Method::PATCH, &format!("{path}/a"), "application/merge-patch+json", &patch).await.0
    };
    assert_eq!((patch(3).await, patch(2).await), (200, 422));
}
