use std::time::Duration;

use serde_json::{Value, json};

use crate::{Clock, Config, Local, PatchKind, Server, Simulation, start};

struct Cluster {
    server: Server,
    local: Local,
}

async fn cluster(pods: bool) -> Cluster {
    cluster_with(Simulation { pods, ..Simulation::default() }).await
}

async fn cluster_with(simulation: Simulation) -> Cluster {
    let simulation = Simulation { ready_after: Duration::from_millis(50), ..simulation };
    cluster_at(simulation, Clock::default()).await
}

async fn cluster_at(simulation: Simulation, clock: Clock) -> Cluster {
    let server = start(Config { simulation, clock, ..Config::default() }).await.unwrap();
    let local = server.local();
    let namespaces = local.kind("", "v1", "namespaces").unwrap();
    local.create(&namespaces, "", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})).unwrap();
    Cluster { server, local }
}

impl Cluster {
    fn create(&self, object: Value) {
        let kind = self.local.kind_of(&object).unwrap();
        self.local.create(&kind, "n", object).unwrap();
    }

    fn patch(&self, plural: &str, name: &str, patch: &Value) {
        let kind = self.local.kind("apps", "v1", plural).unwrap();
        self.local.patch(&kind, "n", name, PatchKind::Merge, patch).unwrap();
    }

    fn all(&self, group: &str, plural: &str) -> Vec<Value> {
        let kind = self.local.kind(group, "v1", plural).unwrap();
        self.local.list(&kind, "n").0
    }

    /// Watches until `done` holds for an object; gives up after a minute, which only a machine
    /// that does much else comes near.
    async fn wait(&self, group: &str, plural: &str, name: &str, done: impl Fn(&Value) -> bool) -> Value {
        let kind = self.local.kind(group, "v1", plural).unwrap();
        if let Some(object) = self.local.get(&kind, "n", name).filter(|object| done(object)) {
            return object;
        }
        let (_, version) = self.local.list(&kind, "n");
        let mut watch = self.local.watch(&kind, version).unwrap();
        let found = async {
            loop {
                match self.local.get(&kind, "n", name) {
                    Some(object) if done(&object) => return object,
                    _ => watch.next().await.expect("the watch goes on"),
                };
            }
        };
        let last = || serde_json::to_string_pretty(&self.local.get(&kind, "n", name)).unwrap();
        tokio::time::timeout(Duration::from_secs(60), found).await.unwrap_or_else(|_| panic!("{name}: {}", last()))
    }
}

fn deployment(replicas: i64, annotations: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "annotations": annotations},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "d"}},
            "template": {
                "metadata": {"labels": {"app": "d"}},
                "spec": {"containers": [{"name": "app", "image": "registry.example.com/app:1"}]},
            },
        },
    })
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let list = object["status"]["conditions"].as_array();
    list.into_iter().flatten().find(|c| c["type"] == kind).unwrap_or(&Value::Null)
}

fn done(object: &Value) -> bool {
    condition(object, "Progressing")["reason"] == "NewReplicaSetAvailable"
        && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

#[tokio::test]
async fn a_deployment_gets_its_replica_set_and_pods_and_becomes_available() {
    let cluster = cluster(true).await;
    cluster.create(deployment(3, json!({})));
    let got = cluster.wait("apps", "deployments", "d", done).await;
    let set = &cluster.all("apps", "replicasets")[0];
    let name = set["metadata"]["name"].as_str().unwrap();
    assert_eq!(got["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    assert_eq!(got["status"]["availableReplicas"], 3);
    assert_eq!(got["status"].get("unavailableReplicas"), None);
    let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
    assert_eq!(condition(&got, "Progressing")["message"], message);
    assert_eq!(condition(&got, "Available")["reason"], "MinimumReplicasAvailable");
    let pods = cluster.all("", "pods");
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(|pod| pod["status"]["phase"] == "Running" && condition(pod, "Ready")["status"] == "True"));
    cluster.server.shutdown().await;
}

#[tokio::test]
async fn a_rollout_keeps_within_its_limits_and_empties_the_old_set() {
    let cluster = cluster(true).await;
    cluster.create(deployment(4, json!({})));
    cluster.wait("apps", "deployments", "d", done).await;
    let pods = cluster.local.kind("", "v1", "pods").unwrap();
    let (_, version) = cluster.local.list(&pods, "n");
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "registry.example.com/app:2"}]}}}});
    cluster.patch("deployments", "d", &image);
    let got = cluster.wait("apps", "deployments", "d", |d| done(d) && d["status"]["updatedReplicas"] == 4).await;
    assert_eq!(got["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    let mut live = 4;
    let mut watch = cluster.local.watch(&pods, version).unwrap();
    while let Some(event) = watch.try_next() {
        live += match event.change {
            crate::store::Change::Added => 1,
            crate::store::Change::Modified => 0,
            crate::store::Change::Deleted => -1,
        };
        assert!((3..=5).contains(&live), "{live} Pods");
    }
    let sets = cluster.all("apps", "replicasets");
    assert_eq!(sets.len(), 2);
    assert_eq!(sets.iter().filter(|set| set["spec"]["replicas"] == 0).count(), 1);
    cluster.patch("deployments", "d", &json!({"spec": {"replicas": 1}}));
    cluster.wait("apps", "deployments", "d", |d| d["status"]["replicas"] == 1).await;
}

#[tokio::test]
async fn failures_are_told_by_annotation_and_end_when_it_goes() {
    let cluster = cluster(true).await;
    cluster.create(deployment(1, json!({"simulate.sluice.dev/outcome": "fail"})));
    let failed = |d: &Value| condition(d, "Progressing")["reason"] == "ProgressDeadlineExceeded";
    cluster.wait("apps", "deployments", "d", failed).await;
    let pod = cluster.all("", "pods").remove(0);
    assert_eq!(pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "CrashLoopBackOff");
    cluster.patch("deployments", "d", &json!({"metadata": {"annotations": {"simulate.sluice.dev/outcome": "ready"}}}));
    cluster.wait("apps", "deployments", "d", done).await;
}

#[tokio::test]
async fn what_a_template_tells_its_pods_fails_the_deployment_too() {
    let cluster = cluster(true).await;
    let mut told = deployment(1, json!({}));
    told["spec"]["template"]["metadata"]["annotations"] = json!({"simulate.sluice.dev/outcome": "fail"});
    cluster.create(told);
    let failed = |d: &Value| condition(d, "Progressing")["reason"] == "ProgressDeadlineExceeded";
    cluster.wait("apps", "deployments", "d", failed).await;
    // Another template is another rollout: once it is seen, nothing is said of the old one.
    let mend = json!({"spec": {"template": {"metadata": {"annotations": {"simulate.sluice.dev/outcome": "stall"}}}}});
    cluster.patch("deployments", "d", &mend);
    let seen = |d: &Value| d["status"]["observedGeneration"] == d["metadata"]["generation"];
    let live = cluster.wait("apps", "deployments", "d", seen).await;
    assert!(!failed(&live), "{}", live["status"]);
}

#[tokio::test]
async fn without_pods_statuses_are_the_same() {
    let cluster = cluster(false).await;
    cluster.create(deployment(3, json!({})));
    let got = cluster.wait("apps", "deployments", "d", done).await;
    assert_eq!(got["status"]["readyReplicas"], 3);
    assert!(cluster.all("", "pods").is_empty());
}

#[tokio::test]
async fn other_workloads_settle_too() {
    let cluster = cluster(true).await;
    let template = json!({
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "app", "image": "registry.example.com/app:1"}]},
    });
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    cluster.create(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"},
        "spec": {"replicas": 2, "serviceName": "s", "selector": {"matchLabels": {"app": "x"}}, "template": template,
                 "volumeClaimTemplates": [claim]},
    }));
    cluster.create(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "a"},
        "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template},
    }));
    let mut job = template.clone();
    job["spec"]["restartPolicy"] = "Never".into();
    cluster.create(json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": job},
    }));
    cluster.create(json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "k", "annotations": {"simulate.sluice.dev/outcome": "fail"}},
        "spec": {"template": job, "backoffLimit": 1},
    }));
    cluster.create(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "l"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }));
    cluster.create(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "x"}}},
    }));
    let set = cluster.wait("apps", "statefulsets", "s", |s| s["status"]["readyReplicas"] == 2).await;
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    cluster.wait("", "persistentvolumeclaims", "data-s-1", |c| c["status"]["phase"] == "Bound").await;
    cluster.wait("apps", "daemonsets", "a", |s| s["status"]["numberAvailable"] == 1).await;
    let complete = cluster.wait("batch", "jobs", "j", |j| condition(j, "Complete")["status"] == "True").await;
    assert_eq!(complete["status"]["succeeded"], 1);
    let failed = cluster.wait("batch", "jobs", "k", |j| condition(j, "Failed")["status"] == "True").await;
    assert_eq!(condition(&failed, "Failed")["reason"], "BackoffLimitExceeded");
    cluster.wait("", "services", "l", |s| s["status"]["loadBalancer"]["ingress"][0]["ip"].is_string()).await;
    cluster.wait("policy", "poddisruptionbudgets", "b", |b| b["status"]["disruptionsAllowed"] == 1).await;
    cluster.patch("statefulsets", "s", &json!({"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}}));
    cluster
        .wait("apps", "statefulsets", "s", |s| {
            s["status"]["updatedReplicas"] == 2
                && s["status"]["currentRevision"] == s["status"]["updateRevision"]
                && s["status"]["currentRevision"] != set["status"]["currentRevision"]
        })
        .await;
}

#[tokio::test]
async fn a_thousand_deployments_are_settled_with_few_writes() {
    let cluster = cluster_with(Simulation { events: false, ..Simulation::default() }).await;
    let written = || cluster.local.list(&cluster.local.kind("", "v1", "namespaces").unwrap(), "").1;
    let before = written();
    for n in 0..1000 {
        let mut one = deployment(1, json!({}));
        one["metadata"]["name"] = format!("d-{n}").into();
        cluster.create(one);
        if n % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for n in 0..1000 {
        cluster.wait("apps", "deployments", &format!("d-{n}"), done).await;
    }
    // Writes are what it costs; a clock would measure what else the machine does.
    let each = (written() - before) as f64 / 1000.0;
    assert!(each < 12.0, "{each} writes for each Deployment");
}

#[tokio::test]
async fn events_tell_what_happens_to_workloads() {
    let cluster = cluster(true).await;
    cluster.create(deployment(1, json!({})));
    cluster.wait("apps", "deployments", "d", done).await;
    let mut lost = deployment(1, json!({"simulate.sluice.dev/outcome": "image-pull-error"}));
    lost["metadata"]["name"] = "lost".into();
    cluster.create(lost);
    let told = |reason: &str, part: &str| {
        let events = cluster.all("", "events");
        events.iter().any(|it| it["reason"] == reason && it["message"].as_str().is_some_and(|text| text.contains(part)))
    };
    let all = async {
        while !told("BackOff", "Back-off pulling image") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("the image is never pulled");
    for (reason, part) in [
        ("ScalingReplicaSet", "Scaled up replica set d-"),
        ("SuccessfulCreate", "Created pod: d-"),
        ("Scheduled", "Successfully assigned n/d-"),
        ("Started", "Container started"),
        ("Failed", "Error: ErrImagePull"),
    ] {
        assert!(told(reason, part), "{reason}");
    }
}

#[tokio::test]
async fn a_service_has_the_addresses_of_its_ready_pods() {
    let cluster = cluster(true).await;
    cluster.create(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "d"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }));
    cluster.create(deployment(2, json!({})));
    cluster.wait("apps", "deployments", "d", done).await;
    let ready = |slice: &Value| {
        let endpoints = slice["endpoints"].as_array().cloned().unwrap_or_default();
        endpoints.iter().filter(|it| it["conditions"]["ready"] == true).count()
    };
    let name = loop {
        match cluster.all("discovery.k8s.io", "endpointslices").first() {
            Some(slice) => break slice["metadata"]["name"].as_str().unwrap().to_owned(),
            None => tokio::task::yield_now().await,
        }
    };
    let slice = cluster.wait("discovery.k8s.io", "endpointslices", &name, |slice| ready(slice) == 2).await;
    assert_eq!(slice["ports"], json!([{"name": "", "port": 8080, "protocol": "TCP"}]));
    cluster.patch("deployments", "d", &json!({"spec": {"replicas": 1}}));
    cluster.wait("discovery.k8s.io", "endpointslices", &name, |slice| ready(slice) == 1).await;
}

#[tokio::test]
async fn a_clock_that_is_turned_runs_cron_jobs_backs_off_and_expires() {
    let clock = Clock::stopped("2030-01-01T00:00:30Z".parse().unwrap());
    let simulation = Simulation { job_backoff: Duration::from_secs(10), ..Simulation::default() };
    let cluster = cluster_at(simulation, clock.clone()).await;
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    let job = json!({"template": template, "ttlSecondsAfterFinished": 3600});
    cluster.create(json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"},
        "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": job}},
    }));
    cluster.create(json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "j", "annotations": {"simulate.sluice.dev/outcome": "fail"}},
        "spec": {"template": template, "backoffLimit": 1},
    }));
    let second = Duration::from_secs(1);
    cluster.wait("batch", "jobs", "j", |job| job["status"]["active"] == 1).await;
    clock.advance(second);
    cluster.wait("batch", "jobs", "j", |job| job["status"]["failed"] == 1).await;
    assert_eq!(cluster.all("", "pods").len(), 1, "the next try waits ten seconds");
    clock.advance(second * 10);
    cluster.wait("batch", "jobs", "j", |job| job["status"]["active"] == 1).await;
    clock.advance(second);
    cluster.wait("batch", "jobs", "j", |job| condition(job, "Failed")["reason"] == "BackoffLimitExceeded").await;
    clock.advance(second * 3600);
    let cron = cluster.wait("batch", "cronjobs", "c", |cron| cron["status"]["lastScheduleTime"].is_string()).await;
    assert_eq!(cron["status"]["lastScheduleTime"], "2030-01-01T01:00:00Z");
    let name = cron["status"]["active"][0]["name"].as_str().unwrap().to_owned();
    cluster.wait("batch", "jobs", &name, |job| job["status"]["active"] == 1).await;
    clock.advance(second);
    let done = cluster.wait("batch", "jobs", &name, |job| condition(job, "Complete")["status"] == "True").await;
    assert_eq!(done["status"]["startTime"], "2030-01-01T01:00:42Z");
    clock.advance(second * 3600);
    let there = || cluster.all("batch", "jobs").iter().any(|job| job["metadata"]["name"] == name.as_str());
    let gone = async {
        while there() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(second * 60, gone).await.expect("its time to live has passed");
}

#[tokio::test]
async fn a_scenario_tells_workloads_without_annotations() {
    let text = "- {kind: Deployment, name: d, until: 1m, outcome: stall}\n\
                - {kind: HorizontalPodAutoscaler, utilization: 160}\n";
    let scenario = crate::Scenario::parse(text).unwrap();
    let clock = Clock::default();
    let cluster = cluster_at(Simulation { scenario, ..Simulation::default() }, clock.clone()).await;
    cluster.create(deployment(2, json!({})));
    let stalled = |d: &Value| d["status"]["unavailableReplicas"] == 2 && d["status"]["updatedReplicas"] == 2;
    cluster.wait("apps", "deployments", "d", stalled).await;
    clock.advance(Duration::from_secs(60));
    cluster.wait("apps", "deployments", "d", done).await;
    cluster.create(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 4, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}},
    }));
    cluster.wait("apps", "deployments", "d", |d| d["status"]["readyReplicas"] == 4).await;
}

#[tokio::test]
async fn managed_fields_tell_what_controllers_wrote() {
    let cluster = cluster(true).await;
    cluster.create(deployment(1, json!({})));
    let got = cluster.wait("apps", "deployments", "d", done).await;
    let entries = |object: &Value| {
        let list = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let by: Vec<_> = list.iter().filter(|it| it["manager"] == "kube-controller-manager").cloned().collect();
        by
    };
    let status = entries(&got).into_iter().find(|it| it["subresource"] == "status").expect("the status is owned");
    assert!(status["fieldsV1"]["f:status"]["f:readyReplicas"].is_object(), "{status}");
    cluster.create(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "annotations": {"simulate.sluice.dev/utilization": "160"}},
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}},
    }));
    let got = cluster.wait("apps", "deployments", "d", |d| d["status"]["readyReplicas"] == 2).await;
    let scale = entries(&got).into_iter().find(|it| it["subresource"] == "scale").expect("the scale is owned");
    assert_eq!(scale["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
}
