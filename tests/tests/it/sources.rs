//! Artifacts from registries and charts: OCIRepository, HelmRepository, HelmChart.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_oci::{Access, Client, Credentials, Digest, Limits, Repository, Target, Tls, Upload, media};
use sluice_testing::{DockerRegistry, Door, REGISTRY_PASSWORD, REGISTRY_USER};
use sluice_tests::{ChartServer, PASSWORD, PATIENCE, World, condition, eventually, pack};

const CHART: &str = "apiVersion: v2\nname: app\nversion: VERSION\ndescription: a chart\n";

fn chart(version: &str) -> Bytes {
    pack(&[
        ("app/Chart.yaml", &CHART.replace("VERSION", version)),
        ("app/values.yaml", "replicas: 1\nmode: plain\n"),
        ("app/values-prod.yaml", "replicas: 3\n"),
        ("app/templates/cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n"),
    ])
}

/// A repository of the registry, as its user.
pub(crate) fn repository(registry: &DockerRegistry, path: &str) -> Repository {
    let name = format!("{}/{path}", registry.address).parse().expect("the name is sound");
    let credentials = Credentials::Basic { username: REGISTRY_USER.into(), password: REGISTRY_PASSWORD.into() };
    let tls = Tls { ca: Some(registry.ca.clone()), client: None };
    let access = Access { credentials, tls, ..Access::default() };
    Client::new(Limits::default()).repository(&name, &access, Duration::from_secs(60))
}

pub(crate) async fn push(repository: &Repository, tag: &str, types: (&str, &str), data: Bytes) -> Digest {
    let upload = Upload {
        config: (types.0.into(), "{}".into()),
        layers: vec![(types.1.into(), data)],
        annotations: BTreeMap::from([("org.opencontainers.image.revision".into(), "main@sha1:abc".into())]),
    };
    let tag = Target::tag(tag).expect("the tag is sound");
    repository.push(&tag, &upload).await.unwrap_or_else(|error| panic!("push: {error}"))
}

async fn push_manifests(repository: &Repository, tag: &str, state: &str) -> Digest {
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app, namespace: apps}}\ndata: {{state: {state}}}\n"
    );
    let data = pack(&[("app.yaml", &object), ("ignored/other.yaml", "not: [yaml")]);
    push(repository, tag, (media::FLUX_CONFIG, media::FLUX_CONTENT), data).await
}

/// The Secrets with the registry's password and authority.
pub(crate) async fn secrets(world: &World, registry: &DockerRegistry, password: &str) {
    let meta = json!({"name": "pull", "namespace": world.namespace});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta,
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": registry.docker_config(password)}});
    world.api.apply(&secret).await;
    world.secret("authority", &[("ca.crt", &registry.ca)]).await;
}

pub(crate) async fn make(world: &World, kind: &str, name: &str, spec: Value) {
    let object = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": world.namespace}, "spec": spec});
    world.api.apply(&object).await;
}

async fn ready(world: &World, kind: &str, name: &str, revision: &str) -> Value {
    eventually(format!("{kind} {name} to be ready at {revision}"), PATIENCE, async || {
        let object = world.api.get(kind, &world.namespace, name).await.expect("it was made");
        let is_ready = condition(&object, "Ready").0 == "True"
            && object["status"]["artifact"]["revision"] == revision
            && object["status"]["observedGeneration"] == object["metadata"]["generation"];
        if is_ready { Ok(object) } else { Err(object["status"].to_string()) }
    })
    .await
}

/// Waits for a failure; returns its message, in which no password is.
async fn fails(world: &World, kind: &str, name: &str, reason: &str) -> String {
    let message = eventually(format!("{kind} {name} to fail with {reason}"), PATIENCE, async || {
        let object = world.api.get(kind, &world.namespace, name).await.expect("it was made");
        match condition(&object, "Ready") {
            (status, found, message) if status == "False" && found == reason => Ok(message),
            _ => Err(object["status"].to_string()),
        }
    })
    .await;
    for secret in [PASSWORD, REGISTRY_PASSWORD, "wrong-password"] {
        assert!(!message.contains(secret), "{message}");
    }
    message
}

pub(crate) fn oci_spec(registry: &DockerRegistry, path: &str, more: Value) -> Value {
    let mut spec = json!({
        "interval": "1h",
        "url": format!("oci://{}/{path}", registry.address),
        "secretRef": {"name": "pull"},
        "certSecretRef": {"name": "authority"},
    });
    for (key, value) in more.as_object().expect("a part of a specification is an object") {
        spec[key.as_str()] = value.clone();
    }
    spec
}

/// The files of a served artifact.
async fn served(object: &Value) -> BTreeMap<String, String> {
    let artifact = &object["status"]["artifact"];
    let url = artifact["url"].as_str().expect("an artifact has an address");
    let data = reqwest::get(url).await.expect("it is served").bytes().await.expect("it is whole");
    assert_eq!(artifact["digest"], Digest::of(&data).to_string());
    let tree = sluice_tree::archive::read_tar_gz(&*data, &sluice_tree::Limits::default()).expect("it is an archive");
    tree.walk()
        .filter_map(|(path, _)| Some((path.to_owned(), String::from_utf8_lossy(tree.read(path).ok()?).into_owned())))
        .collect()
}

#[tokio::test]
async fn an_oci_artifact_is_applied_and_followed() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = repository(&registry, "org/manifests");
    let first = push_manifests(&repository, "1.0.0", "first").await;
    secrets(&world, &registry, REGISTRY_PASSWORD).await;
    let spec = oci_spec(&registry, "org/manifests", json!({"ref": {"semver": "1.x"}, "ignore": "/ignored"}));
    make(&world, "OCIRepository", "manifests", spec).await;
    let object = ready(&world, "OCIRepository", "manifests", &format!("1.0.0@{first}")).await;
    let artifact = &object["status"]["artifact"];
    assert!(artifact["path"].as_str().unwrap_or_default().ends_with(&format!("/{first}.tar.gz")), "{artifact}");
    assert_eq!(artifact["metadata"]["org.opencontainers.image.revision"], "main@sha1:abc");
    assert_eq!(served(&object).await.keys().collect::<Vec<_>>(), ["app.yaml"]);
    let kustomization = json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": world.namespace},
        "spec": {"interval": "1h", "prune": true, "path": "./",
                 "sourceRef": {"kind": "OCIRepository", "name": "manifests"}}});
    world.api.apply(&kustomization).await;
    world.applied("app", &format!("1.0.0@{first}")).await;
    let second = push_manifests(&repository, "1.1.0", "second").await;
    world.request("OCIRepository", "manifests").await;
    world.applied("app", &format!("1.1.0@{second}")).await;
    world.object("to be the second", ("ConfigMap", "apps", "app"), |it| it["data"]["state"] == "second").await;
    // The layer as it is, by digest, from a service account's pull secrets.
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "puller", "namespace": world.namespace}, "imagePullSecrets": [{"name": "pull"}]});
    world.api.apply(&account).await;
    let mut spec = oci_spec(
        &registry,
        "org/manifests",
        json!({"ref": {"digest": first.to_string()},
        "layerSelector": {"mediaType": media::FLUX_CONTENT, "operation": "copy"}, "serviceAccountName": "puller"}),
    );
    spec.as_object_mut().expect("it is an object").remove("secretRef");
    make(&world, "OCIRepository", "copy", spec).await;
    let object = ready(&world, "OCIRepository", "copy", &first.to_string()).await;
    assert!(served(&object).await.contains_key("ignored/other.yaml"));
}

#[tokio::test]
async fn a_failed_pull_says_why_and_a_changed_secret_mends_it() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let world = World::start().await;
    let repository = repository(&registry, "org/manifests");
    let digest = push_manifests(&repository, "v1", "first").await;
    secrets(&world, &registry, "wrong-password").await;
    make(&world, "OCIRepository", "wrong", oci_spec(&registry, "org/manifests", json!({"ref": {"tag": "v1"}}))).await;
    let message = fails(&world, "OCIRepository", "wrong", "OCIArtifactPullFailed").await;
    assert!(message.contains("failed to determine artifact digest") && message.contains("401"), "{message}");
    secrets(&world, &registry, REGISTRY_PASSWORD).await;
    ready(&world, "OCIRepository", "wrong", &format!("v1@{digest}")).await;
    let cases = [
        ("missing", "org/manifests", json!({"ref": {"tag": "none"}}), "OCIArtifactPullFailed", "404"),
        ("range", "org/manifests", json!({"ref": {"semver": "9.x"}}), "ReadOperationFailed", "9.x"),
        ("tagged", "org/manifests:v1", json!({}), "URLInvalid", "spec.url"),
        ("secretless", "org/manifests", json!({"secretRef": {"name": "none"}}), "AuthenticationFailed", "not found"),
        ("signed", "org/manifests", json!({"verify": {"provider": "cosign"}}), "VerificationError", "spec.verify"),
        ("cloud", "org/manifests", json!({"provider": "aws"}), "InvalidProviderConfiguration", "aws"),
        (
            "layer",
            "org/manifests",
            json!({"ref": {"tag": "v1"}, "layerSelector": {"mediaType": "a/b"}}),
            "OCIArtifactLayerOperationFailed",
            "a/b",
        ),
    ];
    for (name, path, more, reason, text) in cases {
        make(&world, "OCIRepository", name, oci_spec(&registry, path, more)).await;
        let message = fails(&world, "OCIRepository", name, reason).await;
        assert!(message.contains(text), "{name}: {message}");
    }
    let stalled = world.api.get("OCIRepository", &world.namespace, "tagged").await.expect("it was made");
    assert_eq!(condition(&stalled, "Stalled").0, "True");
}

fn index(server: &ChartServer, versions: &[(&str, Option<&str>)]) {
    let mut text = "apiVersion: v1\nentries:\n  app:\n".to_owned();
    for (version, digest) in versions {
        let data = chart(version);
        let own = Digest::of(&data);
        server.put(&format!("app-{version}.tgz"), data);
        text.push_str(&format!("  - name: app\n    version: {version}\n    urls:\n    - app-{version}.tgz\n"));
        text.push_str(&format!("    digest: {}\n", digest.unwrap_or(own.hex())));
    }
    text.push_str("  broken:\n  - null\n  - name: broken\n    version: x\n");
    server.put("index.yaml", text);
}

#[tokio::test]
async fn charts_of_an_index_become_artifacts() {
    let world = World::start().await;
    let server = ChartServer::start().await;
    index(&server, &[("1.0.0", None), ("1.1.0", None), ("2.0.0", Some(&"0".repeat(64)))]);
    let spec = json!({"interval": "1h", "url": server.url(), "secretRef": {"name": "git-credentials"}});
    make(&world, "HelmRepository", "charts", spec).await;
    let of = |more: Value| {
        let mut spec = json!({"interval": "1h", "chart": "app", "version": "1.x",
            "sourceRef": {"kind": "HelmRepository", "name": "charts"}});
        for (key, value) in more.as_object().expect("a part of a specification is an object") {
            spec[key.as_str()] = value.clone();
        }
        spec
    };
    make(&world, "HelmChart", "app", of(json!({}))).await;
    let object = ready(&world, "HelmChart", "app", "1.1.0").await;
    assert_eq!(condition(&object, "Ready").1, "ChartPullSucceeded");
    assert_eq!(condition(&object, "Ready").2, "pulled 'app' chart with version '1.1.0'");
    assert!(object["status"]["artifact"]["path"].as_str().unwrap_or_default().ends_with("/app-1.1.0.tgz"));
    assert_eq!(object["status"]["artifact"]["digest"], Digest::of(&chart("1.1.0")).to_string());
    let values =
        json!({"valuesFiles": ["values.yaml", "values-prod.yaml", "none.yaml"], "ignoreMissingValuesFiles": true});
    make(&world, "HelmChart", "prod", of(values)).await;
    let object = ready(&world, "HelmChart", "prod", "1.1.0+1").await;
    let files = served(&object).await;
    assert_eq!(files["app/values.yaml"], "mode: plain\nreplicas: 3\n");
    assert!(files["app/Chart.yaml"].contains("version: 1.1.0+1"), "{files:?}");
    assert_eq!(object["status"]["observedValuesFiles"], json!(["values.yaml", "values-prod.yaml"]));
    make(&world, "HelmChart", "none", of(json!({"version": "9.x"}))).await;
    assert!(fails(&world, "HelmChart", "none", "InvalidChartReference").await.contains("matching '9.x'"));
    make(&world, "HelmChart", "changed", of(json!({"version": "2.0.0"}))).await;
    assert!(fails(&world, "HelmChart", "changed", "ChartPullError").await.contains("the index says"));
    make(&world, "HelmChart", "named", of(json!({"chart": "../x"}))).await;
    fails(&world, "HelmChart", "named", "InvalidChartReference").await;
    // A new index wakes the charts that are made from it, and them alone need no request.
    index(&server, &[("1.0.0", None), ("1.1.0", None), ("1.2.0", None), ("9.0.0", None)]);
    world.request("HelmRepository", "charts").await;
    ready(&world, "HelmChart", "app", "1.2.0").await;
    ready(&world, "HelmChart", "none", "9.0.0").await;
    // An index that is none leaves the last good one in place.
    server.put("index.yaml", "<html>sign in</html>");
    world.request("HelmRepository", "charts").await;
    fails(&world, "HelmRepository", "charts", "IndexationFailed").await;
    ready(&world, "HelmChart", "app", "1.2.0").await;
    let spec = json!({"interval": "1h", "url": server.url()});
    make(&world, "HelmRepository", "anonymous", spec).await;
    assert!(fails(&world, "HelmRepository", "anonymous", "IndexationFailed").await.contains("401"));
}

#[tokio::test]
async fn a_chart_in_git_is_packed_with_its_dependencies() {
    let world = World::start().await;
    let repository = world.repository("charts");
    let listed = "dependencies:\n- name: part\n  version: 1.x\n  repository: file://../part\n";
    repository.write("charts/app/Chart.yaml", &format!("{}{listed}", CHART.replace("VERSION", "1.0.0")));
    repository.write("charts/app/values.yaml", "a: 1\n");
    repository.write("charts/part/Chart.yaml", "apiVersion: v2\nname: part\nversion: 1.2.3\n");
    repository.write("charts/part/templates/x.yaml", "kind: Part\n");
    repository.write("values/prod.yaml", "a: 2\n");
    let commit = repository.commit("a chart");
    world.follow(&repository).await;
    let of = |more: Value| {
        let mut spec = json!({"interval": "1h", "chart": "./charts/app",
            "sourceRef": {"kind": "GitRepository", "name": repository.name()}});
        for (key, value) in more.as_object().expect("a part of a specification is an object") {
            spec[key.as_str()] = value.clone();
        }
        spec
    };
    make(&world, "HelmChart", "app", of(json!({}))).await;
    let object = ready(&world, "HelmChart", "app", "1.0.0").await;
    assert_eq!(condition(&object, "Ready").1, "ChartPackageSucceeded");
    let files = served(&object).await;
    assert_eq!(files["app/charts/part/templates/x.yaml"], "kind: Part\n", "{files:?}");
    let strategy = json!({"reconcileStrategy": "Revision", "valuesFiles": ["values/prod.yaml"]});
    make(&world, "HelmChart", "each", of(strategy)).await;
    let hex = commit.rsplit(':').next().unwrap_or_default();
    let object = ready(&world, "HelmChart", "each", &format!("1.0.0+{}.1", &hex[..12])).await;
    assert_eq!(served(&object).await["app/values.yaml"], "a: 2\n");
    make(&world, "HelmChart", "outside", of(json!({"chart": "../x"}))).await;
    fails(&world, "HelmChart", "outside", "InvalidChartReference").await;
    make(&world, "HelmChart", "valueless", of(json!({"valuesFiles": ["none.yaml"]}))).await;
    fails(&world, "HelmChart", "valueless", "ValuesFilesError").await;
    // A commit wakes the chart; a new version is a new artifact.
    repository.edit("charts/app/Chart.yaml", "1.0.0", "1.1.0");
    repository.edit("charts/app/Chart.yaml", "file://../part", "file://../../../part");
    repository.commit("a dependency from outside");
    world.fetch(&repository).await;
    let message = fails(&world, "HelmChart", "app", "DependencyBuildError").await;
    assert!(message.contains("dependency 'part'"), "{message}");
    repository.edit("charts/app/Chart.yaml", "file://../../../part", "file://../part");
    repository.commit("mended");
    world.fetch(&repository).await;
    ready(&world, "HelmChart", "app", "1.1.0").await;
}

#[tokio::test]
async fn a_chart_in_a_registry_becomes_an_artifact() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let world = World::start().await;
    let remote = repository(&registry, "charts/app");
    for version in ["1.0.0", "1.1.0+build.5"] {
        let tag = version.replace('+', "_");
        push(&remote, &tag, (media::HELM_CONFIG, media::HELM_CHART), chart(version)).await;
    }
    secrets(&world, &registry, REGISTRY_PASSWORD).await;
    let spec = json!({"type": "oci", "url": format!("oci://{}/charts", registry.address),
        "secretRef": {"name": "pull"}, "certSecretRef": {"name": "authority"}});
    make(&world, "HelmRepository", "registry", spec).await;
    let of = |chart: &str, version: &str| {
        json!({"interval": "1h", "chart": chart, "version": version,
            "sourceRef": {"kind": "HelmRepository", "name": "registry"}})
    };
    make(&world, "HelmChart", "app", of("app", "1.x")).await;
    let object = ready(&world, "HelmChart", "app", "1.1.0+build.5").await;
    assert_eq!(object["status"]["artifact"]["digest"], Digest::of(&chart("1.1.0+build.5")).to_string());
    make(&world, "HelmChart", "exact", of("app", "1.0.0")).await;
    ready(&world, "HelmChart", "exact", "1.0.0").await;
    make(&world, "HelmChart", "missing", of("app", "3.0.0")).await;
    assert!(fails(&world, "HelmChart", "missing", "ChartPullError").await.contains("404"));
    make(&world, "HelmChart", "range", of("app", "3.x")).await;
    fails(&world, "HelmChart", "range", "InvalidChartReference").await;
    // A repository in a registry is at rest: it has no status.
    let object = world.api.get("HelmRepository", &world.namespace, "registry").await.expect("it was made");
    assert!(object["status"]["conditions"].is_null() && object["metadata"]["finalizers"].is_null(), "{object}");
}
