//! Quotas, limits and policies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";

fn pod(name: &str, resources: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i", "resources": resources}]}})
}

async fn make(client: &Client, path: &str, object: &Value) {
    let (code, answer) = client.post(path, object).await;
    assert_eq!(code, 201, "{answer}");
}

#[track_caller]
fn refused((code, answer): (u16, Value), want: u16, message: &str) {
    assert_eq!((code, answer["message"].as_str().unwrap_or_default()), (want, message), "{answer}");
}

#[tokio::test]
async fn a_quota_refuses_what_goes_beyond_it_and_tells_what_is_used() {
    let client = Client::new().await;
    let hard = json!({"configmaps": "3", "count/deployments.apps": "1", "requests.cpu": "1"});
    let quota = json!({"metadata": {"name": "q"}, "spec": {"hard": hard}});
    make(&client, "/api/v1/namespaces/default/resourcequotas", &quota).await;
    // One is there already: the authority's certificate.
    for name in ["a", "b"] {
        make(&client, MAPS, &json!({"metadata": {"name": name}})).await;
    }
    refused(
        client.post(MAPS, &json!({"metadata": {"name": "c"}})).await,
        403,
        "configmaps \"c\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=3, limited: configmaps=3",
    );
    refused(
        client.post(PODS, &pod("p", &json!({}))).await,
        403,
        "pods \"p\" is forbidden: failed quota: q: must specify requests.cpu for: c",
    );
    make(&client, PODS, &pod("p", &json!({"requests": {"cpu": "600m"}}))).await;
    refused(
        client.post(PODS, &pod("o", &json!({"requests": {"cpu": "500m"}}))).await,
        403,
        "pods \"o\" is forbidden: exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1",
    );
    let want = json!({"configmaps": "3", "count/deployments.apps": "0", "requests.cpu": "600m"});
    let path = "/api/v1/namespaces/default/resourcequotas/q";
    let found = async {
        while client.get(path).await.1["status"]["used"] != want {
            tokio::task::yield_now().await;
        }
    };
    let told = tokio::time::timeout(std::time::Duration::from_secs(10), found).await;
    assert!(told.is_ok(), "{}", client.get(path).await.1["status"]);
    // Once something is gone there is room again.
    client.delete(&format!("{MAPS}/a")).await;
    make(&client, MAPS, &json!({"metadata": {"name": "c"}})).await;
}

#[tokio::test]
async fn a_limit_range_fills_in_and_refuses() {
    let client = Client::new().await;
    let limits = json!([{
        "type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "100m"}, "default": {"cpu": "500m", "memory": "64Mi"},
        "defaultRequest": {"cpu": "200m"},
    }]);
    let range = json!({"metadata": {"name": "l"}, "spec": {"limits": limits}});
    make(&client, "/api/v1/namespaces/default/limitranges", &range).await;
    let (_, made) = client.post(PODS, &pod("p", &json!({}))).await;
    let resources = &made["spec"]["containers"][0]["resources"];
    let want = json!({"requests": {"cpu": "200m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}});
    assert_eq!(*resources, want, "{made}");
    assert_eq!(
        made["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c"
    );
    refused(
        client.post(PODS, &pod("q", &json!({"limits": {"cpu": "2"}, "requests": {"cpu": "50m"}}))).await,
        403,
        "pods \"q\" is forbidden: [minimum cpu usage per Container is 100m, but request is 50m, maximum cpu usage per Container is 1, but limit is 2]",
    );
}

#[tokio::test]
async fn a_policy_denies_warns_and_can_be_taken_away() {
    let client = Client::new().await;
    let policy = json!({
        "metadata": {"name": "owned"},
        "spec": {
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"],
            }]},
            "variables": [{"name": "team", "expression": "object.metadata.?labels['team'].orValue('')"}],
            "validations": [
                {"expression": "variables.team != ''", "messageExpression": "'no team on ' + object.metadata.name"},
                {"expression": "oldObject == null || has(object.data)", "reason": "Forbidden"},
            ],
        },
    });
    make(&client, &format!("{ADMISSION}/validatingadmissionpolicies"), &policy).await;
    let binding = json!({"metadata": {"name": "b"}, "spec": {"policyName": "owned", "validationActions": ["Deny"]}});
    make(&client, &format!("{ADMISSION}/validatingadmissionpolicybindings"), &binding).await;
    refused(
        client.post(MAPS, &json!({"metadata": {"name": "m"}})).await,
        422,
        "configmaps \"m\" is forbidden: ValidatingAdmissionPolicy 'owned' with binding 'b' denied request: no team on m",
    );
    let map = json!({"metadata": {"name": "m", "labels": {"team": "x"}}, "data": {"a": "1"}});
    make(&client, MAPS, &map).await;
    let patch = json!({"data": null});
    refused(
        client.send(Method::PATCH, &format!("{MAPS}/m"), "application/merge-patch+json", &patch).await,
        403,
        "configmaps \"m\" is forbidden: ValidatingAdmissionPolicy 'owned' with binding 'b' denied request: failed \
         expression: oldObject == null || has(object.data)",
    );
    let path = format!("{ADMISSION}/validatingadmissionpolicybindings/b");
    let warn = json!({"spec": {"validationActions": ["Warn"]}});
    client.send(Method::PATCH, &path, "application/merge-patch+json", &warn).await;
    let request = client.request(Method::POST, MAPS).header("content-type", "application/json");
    let answer = request.body(json!({"metadata": {"name": "n"}}).to_string()).send().await.unwrap();
    let warning = answer.headers()["warning"].to_str().unwrap().to_owned();
    assert!(answer.status() == 201 && warning.contains("no team on n"), "{warning}");
    client.delete(&path).await;
    make(&client, MAPS, &json!({"metadata": {"name": "o"}})).await;
    let broken = json!({"metadata": {"name": "x"}, "spec": {"validations": [{"expression": "object.("}]}});
    let (code, answer) = client.post(&format!("{ADMISSION}/validatingadmissionpolicies"), &broken).await;
    assert_eq!((code, &answer["details"]["causes"][0]["field"]), (422, &json!("spec.validations[0].expression")));
}
