//! How fast the server is, one line for each figure. Client and server share this process and its
//! cores.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use sluice_apiserver::{Config, User, start};

const TOKEN: &str = "load";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
/// How many requests are under way at once.
const WORKERS: usize = 32;

struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    async fn send(&self, method: Method, path: &str, media: &str, body: Vec<u8>) -> usize {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN);
        let request =
            if body.is_empty() { request.header("accept", media) } else { request.header("content-type", media) };
        let answer = request.body(body).send().await.expect("the server answers");
        let good = answer.status().is_success();
        let bytes = answer.bytes().await.expect("the answer is whole");
        assert!(good, "{}", String::from_utf8_lossy(&bytes));
        bytes.len()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let user = User { name: "load".into(), groups: vec!["system:masters".into()], token: TOKEN.into() };
    let server = start(Config { users: vec![user], simulate: false, ..Config::default() }).await?;
    say(&format!("start to ready: {:.1} ms", begun.elapsed().as_secs_f64() * 1000.0));
    say(&format!("memory, empty: {} MiB", memory() / 1024));
    let root = reqwest::Certificate::from_pem(server.authority().as_bytes())?;
    let http = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build()?;
    let client = Arc::new(Client { http, url: server.url().to_owned() });

    const JSON: &str = "application/json";
    measure("create ConfigMap", &client, 5000, |n| {
        let body = json!({"metadata": {"name": format!("c{n}")}, "data": {"a": "1"}});
        (Method::POST, MAPS.to_owned(), JSON, body)
    })
    .await;
    measure("get ConfigMap", &client, 10_000, |n| (Method::GET, format!("{MAPS}/c{}", n % 5000), JSON, Value::Null))
        .await;
    measure("patch ConfigMap", &client, 5000, |n| {
        let body = json!({"data": {"a": format!("{n}")}});
        (Method::PATCH, format!("{MAPS}/c{n}"), "application/merge-patch+json", body)
    })
    .await;
    measure("server-side apply of a Deployment", &client, 10_000, |n| {
        let path = format!("/apis/apps/v1/namespaces/default/deployments/d{}?fieldManager=load&force=true", n % 100);
        (Method::PATCH, path, "application/apply-patch+yaml", deployment(n % 100, n))
    })
    .await;
    lists(&client).await;
    fan_out(&client).await;
    memory_of_many(&server)?;
    server.shutdown().await;
    Ok(())
}

async fn lists(client: &Client) {
    for (name, path, accept) in [
        ("list of 5,000", MAPS.to_owned(), "application/json"),
        ("list of 5,000, metadata only", MAPS.to_owned(), METADATA),
        ("page of 500", format!("{MAPS}?limit=500"), "application/json"),
    ] {
        let mut times = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            client.send(Method::GET, &path, accept, Vec::new()).await;
            times.push(begun.elapsed());
        }
        times.sort();
        say(&format!("{name}: {:.1} ms, slowest {:.1} ms", milliseconds(times[10]), milliseconds(times[19])));
    }
}

/// 200 watchers, 1,000 changes: until the last one has seen the last.
async fn fan_out(client: &Arc<Client>) {
    let mut watchers = tokio::task::JoinSet::new();
    let (ready, mut waiting) = tokio::sync::mpsc::channel(200);
    for _ in 0..200 {
        let (client, ready) = (client.clone(), ready.clone());
        watchers.spawn(async move {
            let url = format!("{}/api/v1/namespaces/kube-system/configmaps?watch=1", client.url);
            let answer = client.http.get(url).bearer_auth(TOKEN).send().await.expect("the server answers");
            let mut chunks = answer.bytes_stream();
            let mut events = 0;
            while events < 1000 + 1 {
                let chunk = chunks.next().await.expect("the watch goes on").expect("the watch is whole");
                if events == 0 {
                    ready.send(()).await.expect("somebody waits");
                }
                events += chunk.iter().filter(|b| **b == b'\n').count();
            }
        });
    }
    // Each sees the namespace's own ConfigMap first.
    for _ in 0..200 {
        waiting.recv().await;
    }
    let begun = Instant::now();
    for n in 0..1000 {
        let body = json!({"metadata": {"name": format!("w{n}")}, "data": {"a": "1"}}).to_string().into_bytes();
        client.send(Method::POST, "/api/v1/namespaces/kube-system/configmaps", "application/json", body).await;
    }
    watchers.join_all().await;
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!(
        "watch fan-out: 1,000 changes to 200 watchers in {seconds:.2} s, {:.0} events/s",
        200_000.0 / seconds
    ));
}

fn memory_of_many(server: &sluice_apiserver::Server) -> Result<(), sluice_apiserver::ApiError> {
    let local = server.local();
    let kind = local.kind("", "v1", "configmaps")?;
    let before = memory();
    let (mut bytes, count) = (0, 100_000_u64);
    for n in 0..count {
        let body = json!({"metadata": {"name": format!("m{n}")}, "data": {"a": "x".repeat(500)}});
        bytes += local.create(&kind, "kube-public", body)?.to_string().len() as u64;
    }
    let grown = (memory() - before) * 1024;
    say(&format!("memory with 100,000 ConfigMaps of {} bytes: {} MiB", bytes / count, memory() / 1024));
    say(&format!("overhead of an object over its JSON: {} bytes", (grown as i64 - bytes as i64) / count as i64));
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

/// Sends `count` requests, some at a time; tells how many a second, and how long they took.
async fn measure(
    what: &str,
    client: &Arc<Client>,
    count: usize,
    make: impl Fn(usize) -> (Method, String, &'static str, Value) + Copy + Send + 'static,
) {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let client = client.clone();
        tasks.spawn(async move {
            let mut times = Vec::new();
            for n in (worker..count).step_by(WORKERS) {
                let (method, path, media, body) = make(n);
                let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
                let begun = Instant::now();
                client.send(method, &path, media, body).await;
                times.push(begun.elapsed());
            }
            times
        });
    }
    let mut times: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    times.sort();
    let at = |part: usize| milliseconds(times[times.len() * part / 100]);
    say(&format!("{what}: {rate:.0}/s, half within {:.1} ms, 99 of 100 within {:.1} ms", at(50), at(99)));
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[allow(clippy::print_stdout, reason = "figures are what this is for")]
fn say(line: &str) {
    println!("{line}");
}
