//! How fast the server is: start, creates, server-side applies, lists, watch fan-out. One line for each figure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_apiserver::{Config, PatchKind, User, start};

const TOKEN: &str = "load";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let user = User { name: "load".into(), groups: vec!["system:masters".into()], token: TOKEN.into() };
    let server = start(Config { users: vec![user], simulate: false, ..Config::default() }).await?;
    say("start to ready", begun.elapsed(), 1);
    say_memory("empty");
    let root = reqwest::Certificate::from_pem(server.authority().as_bytes())?;
    let http = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build()?;
    let client = Arc::new((http, server.url().to_owned()));

    let begun = Instant::now();
    send(&client, 5000, |n| {
        let body =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{n}")}, "data": {"a": "1"}});
        (reqwest::Method::POST, MAPS.to_owned(), "application/json", body)
    })
    .await;
    say("create ConfigMap", begun.elapsed(), 5000);

    let begun = Instant::now();
    send(&client, 5000, |n| {
        let body = deployment(n % 100, n);
        let path = format!("/apis/apps/v1/namespaces/default/deployments/d{}?fieldManager=load&force=true", n % 100);
        (reqwest::Method::PATCH, path, "application/apply-patch+yaml", body)
    })
    .await;
    say("server-side apply of a Deployment", begun.elapsed(), 5000);

    let local = server.local();
    let deployments = local.kind("apps", "v1", "deployments")?;
    let begun = Instant::now();
    for n in 0..2000 {
        let name = format!("d{}", n % 100);
        let body = deployment(n % 100, n + 10_000);
        local.as_manager("load").patch(&deployments, "default", &name, PatchKind::Apply, &body)?;
    }
    say("server-side apply in process", begun.elapsed(), 2000);

    for (name, accept) in [
        ("list of 5,000", "application/json"),
        ("list of 5,000, metadata only", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"),
    ] {
        let begun = Instant::now();
        for _ in 0..10 {
            let url = format!("{}{MAPS}", client.1);
            client.0.get(url).bearer_auth(TOKEN).header("accept", accept).send().await?.bytes().await?;
        }
        say(name, begun.elapsed(), 10);
    }
    say_memory("with 5,000 ConfigMaps");

    let kind = local.kind("", "v1", "configmaps")?;
    let before = memory();
    let (mut bytes, count) = (0, 20_000u64);
    for n in 0..count {
        let body = json!({"metadata": {"name": format!("m{n}")}, "data": {"a": "x".repeat(500)}});
        bytes += local.create(&kind, "kube-public", body)?.to_string().len() as u64;
    }
    let grown = (memory() - before) * 1024;
    #[allow(clippy::print_stdout, reason = "figures are what this is for")]
    {
        println!("overhead of an object over its JSON: {} bytes", (grown as i64 - bytes as i64) / count as i64);
    }
    server.shutdown().await;
    Ok(())
}

fn deployment(n: usize, revision: usize) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("d{n}"), "labels": {"app": "x"}},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "x"}},
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {"containers": [{
                    "name": "c", "image": format!("r.example.com/c:{revision}"), "ports": [{"containerPort": 80}],
                    "env": [{"name": "A", "value": "1"}],
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                }]},
            },
        },
    })
}

/// Sends `count` requests, 32 at a time.
async fn send(
    client: &Arc<(reqwest::Client, String)>,
    count: usize,
    make: impl Fn(usize) -> (reqwest::Method, String, &'static str, Value) + Copy + Send + 'static,
) {
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..32 {
        let client = client.clone();
        tasks.spawn(async move {
            for n in (worker..count).step_by(32) {
                let (method, path, media, body) = make(n);
                let request = client.0.request(method, format!("{}{path}", client.1)).bearer_auth(TOKEN);
                let answer = request.header("content-type", media).body(body.to_string()).send().await;
                let answer = answer.expect("the server answers");
                assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
                let _ = answer.bytes().await;
            }
        });
    }
    tasks.join_all().await;
}

fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[allow(clippy::print_stdout, reason = "figures are what this is for")]
fn say_memory(when: &str) {
    println!("memory {when}: {} MiB", memory() / 1024);
}

#[allow(clippy::print_stdout, reason = "figures are what this is for")]
fn say(what: &str, took: Duration, count: u32) {
    let each = took / count;
    println!("{what}: {each:?} each, {:.0}/s", 1.0 / each.as_secs_f64());
}
