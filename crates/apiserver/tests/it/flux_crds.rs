//! The definitions of Flux, the objects they accept and those they reject.

use serde_json::Value;
use sluice_testing::suite;
use sluice_yaml::{Dialect, Limits, parse_all};

use crate::client::{Client, causes, collection};

#[tokio::test(flavor = "multi_thread")]
async fn flux_definitions_accept_and_reject_as_recorded() {
    let Some(suite) = suite("flux-crds") else { return };
    let client = Client::new().await;
    let mut files: Vec<_> = std::fs::read_dir(suite.dir().join("crds")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for document in parse_all(&text, Dialect::V2, &Limits::default()).unwrap() {
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
            let (code, answer) = client.post(path, &document.value).await;
            assert_eq!(code, 201, "{}: {answer}", file.display());
        }
    }
    let mut outcomes = Vec::new();
    for case in suite.lines("accepted.jsonl") {
        outcomes.push((id(&case), accepted(&client, &case).await));
    }
    suite.report(311, outcomes);
    let mut outcomes = Vec::new();
    for case in suite.lines("rejected.jsonl") {
        outcomes.push((id(&case), rejected(&client, &case).await));
    }
    suite.named("flux-crds-rejected").report(285, outcomes);
}

fn id(case: &Value) -> String {
    case["id"].as_str().unwrap_or_default().to_owned()
}

async fn try_create(client: &Client, object: &Value) -> (u16, Value) {
    let path = collection(&client.server, object);
    client.post(&format!("{path}?dryRun=All&fieldValidation=Strict"), object).await
}

async fn accepted(client: &Client, case: &Value) -> Result<(), String> {
    let (code, mut got) = try_create(client, &case["object"]).await;
    if code != 201 {
        return Err(format!("{code}: {}", got["message"]));
    }
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
        got["metadata"].as_object_mut().unwrap().remove(field);
    }
    if got == case["result"] { Ok(()) } else { Err(format!("want {}\n     got {got}", case["result"])) }
}

async fn rejected(client: &Client, case: &Value) -> Result<(), String> {
    let (code, got) = try_create(client, &case["object"]).await;
    let error = &case["error"];
    if code != case["status"] || got["reason"] != error["reason"] {
        return Err(format!("want {} {error}\n     got {code} {got}", case["status"]));
    }
    let (want, have) = (causes(error), causes(&got));
    if want != have {
        return Err(format!("want {want:?}\n     got {have:?}"));
    }
    // The real server finds problems in the order of Go's maps, which is another one each time.
    let (want, have) = (problems(&error["message"]), problems(&got["message"]));
    if want != have {
        return Err(format!("want {want:?}\n     got {have:?}"));
    }
    Ok(())
}

/// The problems that a message tells, sorted.
fn problems(message: &Value) -> Vec<String> {
    let text = message.as_str().unwrap_or_default();
    let list = text.split_once(" is invalid: [").and_then(|(_, rest)| rest.strip_suffix(']'));
    let mut problems: Vec<String> = list.unwrap_or(text).split(", ").map(str::to_owned).collect();
    problems.sort();
    problems
}
