//! Where in Git an object comes from: the path, and the page of the commit (`--commit-links`).

use std::time::Duration;

use serde_json::Value;
use tracing::debug;

use crate::context::Context;
use crate::event::Event;
use crate::provider::commit_link;

/// How long what an object says of its source is good for the next event about it.
const FRESH: Duration = Duration::from_secs(10);
const SOURCES: &str = "source.toolkit.fluxcd.io/v1";
/// Where the publisher of an OCI artifact notes the repository that it was made from.
const MADE_FROM: &str = "/status/artifact/metadata/org.opencontainers.image.source";

/// Where an object comes from, as far as it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Address of the repository. It may hold credentials.
    repository: String,
    /// Folder in it.
    path: String,
}

/// Adds to a notification where its object comes from; facts that are there already stay as they are.
pub async fn add(ctx: &Context, event: &Event, notification: &mut Event) {
    let object = &event.involved_object;
    let key = format!("{}|{}|{}|{}", object.api_version, object.kind, object.namespace, object.name);
    let origin = match ctx.origins.get(&key, FRESH) {
        Some(origin) => origin,
        None => {
            let origin = find(ctx, event).await;
            ctx.origins.put(key, origin.clone());
            origin
        }
    };
    for (key, value) in facts(&origin, event) {
        notification.metadata.entry(key.to_owned()).or_insert(value);
    }
}

fn facts(origin: &Origin, event: &Event) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if !origin.path.is_empty() {
        facts.push(("path", origin.path.clone()));
    }
    let revision = event.own("originRevision").or_else(|| event.own("revision")).unwrap_or_default();
    facts.extend(commit_link(&origin.repository, revision).map(|link| ("commit_link", link)));
    facts
}

async fn find(ctx: &Context, event: &Event) -> Origin {
    let object = &event.involved_object;
    let read = async |api_version: &str, kind: &str, namespace: &str, name: &str| {
        let found = ctx.objects.whole(api_version, kind, namespace, name).await;
        let found = found.inspect_err(|error| debug!(%error, "where an object comes from cannot be read"));
        found.ok().flatten().unwrap_or_default()
    };
    let it = read(&object.api_version, &object.kind, &object.namespace, &object.name).await;
    let Some((kind, namespace, name)) = source(&it, &object.namespace) else {
        return Origin { repository: repository(&it), path: String::new() };
    };
    if namespace != object.namespace && ctx.options.no_cross_namespace_refs {
        return Origin::default();
    }
    let source = read(SOURCES, &kind, &namespace, &name).await;
    Origin { repository: repository(&source), path: text(&it, "/spec/path") }
}

/// Kind, namespace and name of the source that an object names.
fn source(object: &Value, own_namespace: &str) -> Option<(String, String, String)> {
    let pointers = ["/spec/sourceRef", "/spec/chartRef", "/spec/chart/spec/sourceRef"];
    let reference = pointers.iter().find_map(|it| object.pointer(it))?;
    let namespace = match text(reference, "/namespace") {
        none if none.is_empty() => own_namespace.to_owned(),
        named => named,
    };
    Some((text(reference, "/kind"), namespace, text(reference, "/name")))
}

/// The repository of a source; empty when it says none.
fn repository(source: &Value) -> String {
    match source["kind"].as_str() {
        Some("GitRepository") => text(source, "/spec/url"),
        _ => text(source, MADE_FROM),
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_names_its_source() {
        let kustomization = json!({"spec": {"sourceRef": {"kind": "GitRepository", "name": "repo"}, "path": "./apps"}});
        let want = ("GitRepository".to_owned(), "own".to_owned(), "repo".to_owned());
        assert_eq!(source(&kustomization, "own"), Some(want));
        let release = json!({"spec": {"chart": {"spec": {"sourceRef": {"kind": "GitRepository", "name": "a", "namespace": "b"}}}}});
        assert_eq!(source(&release, "own").unwrap().1, "b");
        assert_eq!(source(&json!({"spec": {"url": "x"}}), "own"), None);
    }

    #[test]
    fn a_source_names_its_repository() {
        assert_eq!(repository(&json!({"kind": "GitRepository", "spec": {"url": "https://a/b"}})), "https://a/b");
        let artifact = json!({"metadata": {"org.opencontainers.image.source": "https://c/d"}});
        assert_eq!(repository(&json!({"kind": "OCIRepository", "status": {"artifact": artifact}})), "https://c/d");
        assert_eq!(repository(&json!({"kind": "Bucket"})), "");
    }

    #[test]
    fn the_commit_is_that_of_the_origin() {
        let hash = "5394cb7f48332b2de7c17dd8b8384bbc84b7e738";
        let mut event = Event::default();
        event.involved_object.api_version = "kustomize.toolkit.fluxcd.io/v1".into();
        let mut fact =
            |key: &str, value: String| event.metadata.insert(format!("kustomize.toolkit.fluxcd.io/{key}"), value);
        fact("revision", "latest@sha256:1234".into());
        fact("originRevision", format!("main@sha1:{hash}"));
        let origin = Origin { repository: "https://github.com/o/r".into(), path: "./apps".into() };
        let link = format!("https://github.com/o/r/commit/{hash}");
        assert_eq!(facts(&origin, &event), [("path", "./apps".to_owned()), ("commit_link", link)]);
        assert!(facts(&Origin::default(), &event).is_empty());
    }
}
