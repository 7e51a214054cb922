//! Health, measured and examined.
#![allow(missing_docs, clippy::unwrap_used)]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_health::{HealthCheck, ReadyCheck, Status, StatusKind, job, status, status_at};

#[test]
fn suite() {
    let Some(suite) = sluice_testing::suite("kstatus") else { return };
    suite.run(409, case);
}

fn case(case: &Value) -> Result<(), String> {
    match case["kind"].as_str().unwrap() {
        "compute" => {
            let mut object = case["object"].clone();
            let now = Timestamp::now();
            if let Some(seconds) = case["createdSecondsAgo"].as_i64() {
                let created = now - SignedDuration::from_secs(seconds);
                object["metadata"]["creationTimestamp"] = json!(created.to_string());
            }
            let outcome = status_at(&object, now);
            if case.get("error").is_some() || case.get("panic").is_some() {
                return outcome.map_or(Ok(()), |status| Err(format!("an error is wanted, got {status:?}")));
            }
            whole(&outcome.map_err(|e| e.to_string())?, case)
        }
        "job" => whole(&job(&case["object"]), case),
        "healthExpr" => {
            let expression = |name: &str| case["exprs"][name].as_str().unwrap_or_default();
            let check = HealthCheck::compile(expression("current"), expression("inProgress"), expression("failed"));
            if let Some(error) = case["parseError"].as_str() {
                return check.map_or(Ok(()), |_| Err(format!("does not fail to parse: {error}")));
            }
            let outcome = check.map_err(|e| e.to_string())?.status(&case["object"]);
            if let Some(error) = case["error"].as_str() {
                return outcome.map_or(Ok(()), |status| Err(format!("got {status:?}, wanted {error}")));
            }
            let outcome = outcome.map_err(|e| e.to_string())?;
            if outcome.kind.as_str() == case["status"] {
                Ok(())
            } else {
                Err(format!("{outcome:?}, not {}", case["status"]))
            }
        }
        _ => {
            let check = ReadyCheck::compile(case["expr"].as_str().unwrap());
            if let Some(error) = case["parseError"].as_str() {
                return check.map_or(Ok(()), |_| Err(format!("does not fail to compile: {error}")));
            }
            let outcome = check.map_err(|e| e.to_string())?.is_ready(&case["vars"]["self"], &case["vars"]["dep"]);
            match (outcome, case["error"].as_str()) {
                (Err(_), Some(_)) => Ok(()),
                (Ok(ready), None) if Some(ready) == case["result"].as_bool() => Ok(()),
                (outcome, _) => Err(format!("{outcome:?}, not {}", case["result"])),
            }
        }
    }
}

/// Status, message and conditions, all exactly.
fn whole(ours: &Status, case: &Value) -> Result<(), String> {
    let conditions: Vec<Value> = ours
        .conditions
        .iter()
        .map(|c| json!({"type": c.type_, "status": "True", "reason": c.reason, "message": c.message}))
        .collect();
    let ours = json!([ours.kind.as_str(), ours.message, conditions]);
    let message = case["message"].as_str().unwrap_or_default();
    let theirs = json!([case["status"], message, case.get("conditions").unwrap_or(&json!([]))]);
    if ours == theirs { Ok(()) } else { Err(format!("{ours}\n    want {theirs}")) }
}

#[test]
fn a_suspended_job_is_ready_for_flux() {
    let mut suspended =
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"suspend": true}});
    assert_eq!(job(&suspended).kind, StatusKind::Current);
    suspended["status"] = json!({"conditions": [{"type": "Failed", "status": "True"}]});
    assert_eq!(job(&suspended).kind, StatusKind::Current);
}

#[test]
fn what_fails_to_evaluate_is_never_ready() {
    let object = json!({"metadata": {"name": "x"}, "status": {"phase": 1}});
    for expression in ["status.missing", "status", "1", "'true'", "status.phase == 'a' || missing", "1 / 0 == 0"] {
        assert!(HealthCheck::compile(expression, "", "").unwrap().status(&object).is_err(), "`{expression}`");
    }
    let numbers = "[1,2,3,4,5,6,7,8,9,10]";
    let bomb = (0..8).fold("true".to_owned(), |body, i| format!("{numbers}.all(x{i}, {body})"));
    assert!(HealthCheck::compile(&bomb, "", "").unwrap().status(&object).is_err());
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[A-Z][a-z]{0,8}".prop_map(Value::from),
    ];
    let names = prop_oneof![
        "conditions",
        "observedGeneration",
        "replicas",
        "phase",
        "type",
        "status",
        "containerStatuses",
        "state",
        "partition"
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_status_has_an_answer(kind in 0..10_usize, spec in json_value(), state in json_value()) {
        let (api_version, kind) = [
            ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("apps/v1", "ReplicaSet"),
            ("batch/v1", "Job"), ("v1", "Pod"), ("v1", "Service"), ("v1", "PersistentVolumeClaim"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("e.x/v1", "Other"),
        ][kind];
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"generation": 1}, "spec": spec, "status": state});
        let _ = status(&object);
        let _ = job(&object);
    }
}
