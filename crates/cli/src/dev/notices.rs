//! The notifications that would be sent, shown where no Provider is set.
//!
//! A Provider of type slack whose service is this process takes them, so that what is shown has gone through matching,
//! folding and the queue as in a cluster. It goes when the repository brings a Provider of its own.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::state::{Happening, State};
use crate::cluster::{Cluster, MANAGER};
use crate::kinds::{ALERT, PROVIDER};

/// Name of the Provider and the Alert.
const NAME: &str = "sluice-dev";
/// No message is larger.
const BODY: usize = 4 << 20;
/// Kinds whose events are shown.
const SHOWN: [&str; 9] = [
    "GitRepository",
    "OCIRepository",
    "HelmRepository",
    "HelmChart",
    "Bucket",
    "Kustomization",
    "HelmRelease",
    "ExternalArtifact",
    "ImageUpdateAutomation",
];

/// Takes notifications from now on, and keeps the Alert that sends them here, until `stop`.
///
/// # Errors
/// When no address can be had, or the server refuses the objects.
pub async fn show(
    cluster: &Cluster,
    state: &watch::Sender<State>,
    tell: &mpsc::Sender<Happening>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("an address for notifications")?;
    let address = listener.local_addr()?;
    let (work, ends) = (take(listener, tell.clone()), stop.clone());
    tasks.spawn(async move { ends.run_until_cancelled(work).await.unwrap_or(Ok(())) });
    apply(cluster, address, &BTreeSet::from([cluster.namespace.clone()])).await?;
    let (work, ends) = (keep(cluster.clone(), address, state.subscribe()), stop.clone());
    tasks.spawn(async move { ends.run_until_cancelled(work).await.unwrap_or(Ok(())) });
    Ok(())
}

async fn apply(cluster: &Cluster, address: SocketAddr, namespaces: &BTreeSet<String>) -> anyhow::Result<()> {
    let meta = json!({"name": NAME, "namespace": cluster.namespace});
    let sources = namespaces
        .iter()
        .flat_map(|namespace| SHOWN.map(|kind| json!({"kind": kind, "name": "*", "namespace": namespace})));
    let objects = [
        json!({
            "apiVersion": PROVIDER.api_version, "kind": PROVIDER.kind, "metadata": meta,
            "spec": {"type": "slack", "address": format!("http://{address}/")},
        }),
        json!({
            "apiVersion": ALERT.api_version, "kind": ALERT.kind, "metadata": meta,
            "spec": {
                "providerRef": {"name": NAME}, "eventSeverity": "info", "eventSources": sources.collect::<Vec<_>>(),
            },
        }),
    ];
    cluster.apply_all(&objects, MANAGER).await.context("the Alert that shows notifications")
}

/// Follows the namespaces that there is something in, and ends when there is another Provider.
async fn keep(cluster: Cluster, address: SocketAddr, mut state: watch::Receiver<State>) -> anyhow::Result<()> {
    let mut known = BTreeSet::from([cluster.namespace.clone()]);
    while state.changed().await.is_ok() {
        let (providers, _) = cluster.list(&PROVIDER.path(""), "").await.unwrap_or_default();
        let own = |it: &Value| sluice_object::name(it) == NAME && sluice_object::namespace(it) == cluster.namespace;
        if providers.iter().any(|it| !own(it)) {
            for kind in [&ALERT, &PROVIDER] {
                // Not there is as good.
                let _ = cluster.delete(&kind.object(&cluster.namespace, NAME)).await;
            }
            return Ok(());
        }
        let now: BTreeSet<String> = {
            let state = state.borrow();
            let keys = state.sources.keys().chain(state.kustomizations.keys());
            keys.map(|it| it.0.clone()).chain(known.iter().cloned()).collect()
        };
        if now != known && apply(&cluster, address, &now).await.is_ok() {
            known = now;
        }
    }
    Ok(())
}

async fn take(listener: TcpListener, tell: mpsc::Sender<Happening>) -> anyhow::Result<()> {
    let tell = Arc::new(tell);
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let tell = tell.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let tell = tell.clone();
            async move {
                if let Ok(body) = Limited::new(request.into_body(), BODY).collect().await
                    && let Some(lines) = rendered(&body.to_bytes())
                {
                    // The printer may be behind; what it misses is in the events.
                    let _ = tell.try_send(Happening::Notified { lines });
                }
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        connections.spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

/// A message of Slack as lines: whom it is about and whether it is bad news, the text, the facts.
fn rendered(body: &[u8]) -> Option<Vec<String>> {
    let message: Value = serde_json::from_slice(body).ok()?;
    let attachment = message.pointer("/attachments/0")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sign = if attachment["color"] == "danger" { "failed: " } else { "" };
    let said = text(&attachment["text"]);
    let mut said = said.lines();
    let first = said.next().unwrap_or_default();
    let mut lines = vec![format!("{}: {sign}{first}", text(&attachment["author_name"]))];
    lines.extend(said.map(str::to_owned));
    let facts = attachment["fields"].as_array().into_iter().flatten();
    let facts: Vec<String> = facts.map(|it| format!("{}: {}", text(&it["title"]), text(&it["value"]))).collect();
    if !facts.is_empty() {
        lines.push(facts.join(", "));
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_lines() {
        let body = json!({"channel": "", "attachments": [{
            "color": "danger", "author_name": "kustomization/app.ns", "text": "no\nmore", "fields": [
                {"title": "revision", "value": "main@sha1:1"}, {"title": "path", "value": "./app"}]}]});
        assert_eq!(
            rendered(body.to_string().as_bytes()).unwrap(),
            ["kustomization/app.ns: failed: no", "more", "revision: main@sha1:1, path: ./app"]
        );
        assert_eq!(rendered(b"{}"), None);
        assert_eq!(rendered(b"\xff"), None);
    }
}
