//! Charts as the source-controller serves them: of a repository over HTTP, of Git, of a registry.

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_oci::{Digest, media};
use sluice_testing::{DockerRegistry, Door, REGISTRY_PASSWORD};
use sluice_tests::{ChartServer, Controller, PATIENCE, World, condition, eventually, pack};

use crate::sources::{make, oci_spec, push, repository, secrets};

const VALUE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {value: {{ .Values.value }}, chart: \"{{ .Chart.Version }}\"}\n";

fn chart(version: &str) -> Bytes {
    pack(&[
        ("web/Chart.yaml", &format!("apiVersion: v2\nname: web\nversion: {version}\n")),
        ("web/values.yaml", "value: plain\n"),
        ("web/values-prod.yaml", "value: prod\n"),
        ("web/templates/cm.yaml", VALUE),
    ])
}

async fn start() -> (World, Controller) {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let mut helm = world.helm_controller(&[]);
    helm.start();
    (world, helm)
}

async fn release(world: &World, more: Value) {
    let mut spec = json!({"interval": "1h", "targetNamespace": "apps", "releaseName": "web"});
    for (key, value) in more.as_object().expect("a part of a specification is an object") {
        spec[key.as_str()] = value.clone();
    }
    let meta = json!({"name": "web", "namespace": world.namespace});
    let object =
        json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": meta, "spec": spec});
    world.api.apply(&object).await;
}

async fn get(world: &World) -> Value {
    world.api.get("HelmRelease", &world.namespace, "web").await.expect("the HelmRelease is there")
}

/// Waits until a version of the chart is what runs.
async fn runs(world: &World, version: &str) -> Value {
    eventually(format!("chart {version} to run"), PATIENCE, async || {
        let object = get(world).await;
        let is_ready = condition(&object, "Ready").0 == "True"
            && object["status"]["history"][0]["chartVersion"] == version
            && object["status"]["observedGeneration"] == object["metadata"]["generation"];
        if is_ready { Ok(object) } else { Err(object["status"].to_string()) }
    })
    .await
}

fn index(server: &ChartServer, versions: &[&str]) {
    let mut text = "apiVersion: v1\nentries:\n  web:\n".to_owned();
    for version in versions {
        let data = chart(version);
        text += &format!(
            "  - name: web\n    version: {version}\n    digest: {}\n    urls: [web-{version}.tgz]\n",
            Digest::of(&data).hex()
        );
        server.put(&format!("web-{version}.tgz"), data);
    }
    server.put("index.yaml", text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_of_an_http_repository_is_released_and_followed() {
    let (world, _helm) = start().await;
    let ns = world.namespace.clone();
    let server = ChartServer::start().await;
    index(&server, &["1.0.0", "2.0.0"]);
    let spec = json!({"interval": "1h", "url": server.url(), "secretRef": {"name": "git-credentials"}});
    make(&world, "HelmRepository", "charts", spec).await;
    let of = |more: Value| {
        let mut spec =
            json!({"chart": "web", "version": "1.x", "sourceRef": {"kind": "HelmRepository", "name": "charts"}});
        for (key, value) in more.as_object().expect("a part of a specification is an object") {
            spec[key.as_str()] = value.clone();
        }
        json!({"chart": {"spec": spec}})
    };
    release(&world, of(json!({}))).await;
    let object = runs(&world, "1.0.0").await;
    assert_eq!(object["status"]["helmChart"], format!("{ns}/{ns}-web"));
    let made = world.api.get("HelmChart", &ns, &format!("{ns}-web")).await.expect("it is made for the release");
    assert_eq!(made["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"], "web");
    // A new version in the range is released when the repository tells of it.
    index(&server, &["1.0.0", "1.1.0", "2.0.0"]);
    world.request("HelmRepository", "charts").await;
    runs(&world, "1.1.0").await;
    // Other values files of the chart are other values.
    release(&world, of(json!({"valuesFiles": ["values-prod.yaml"]}))).await;
    world.object("to be the other value", ("ConfigMap", "apps", "web"), |it| it["data"]["value"] == "prod").await;
    // One that is not there is told, and what runs goes on running.
    release(&world, of(json!({"version": "9.x"}))).await;
    let object = eventually("the missing version to be told", PATIENCE, async || {
        let object = get(&world).await;
        let (_, reason, message) = condition(&object, "Ready");
        if reason == "SourceNotReady" && message.contains("9.x") {
            Ok(object)
        } else {
            Err(object["status"].to_string())
        }
    })
    .await;
    assert_eq!(object["status"]["history"][0]["status"], "deployed");
    world.api.delete("HelmRelease", &ns, "web").await;
    world.gone("HelmRelease", &ns, "web").await;
    world.gone("HelmChart", &ns, &format!("{ns}-web")).await;
    world.gone("ConfigMap", "apps", "web").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_in_git_is_released_with_each_commit() {
    let (world, _helm) = start().await;
    let repository = world.repository("charts");
    repository.write("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    repository.write("web/values.yaml", "value: first\n");
    repository.write("web/templates/cm.yaml", VALUE);
    let commit = repository.commit("a chart");
    world.follow(&repository).await;
    let source = json!({"kind": "GitRepository", "name": repository.name()});
    release(
        &world,
        json!({"chart": {"spec": {"chart": "./web", "sourceRef": source, "reconcileStrategy": "Revision"}}}),
    )
    .await;
    let version = |commit: &str| format!("1.0.0+{}", &commit.rsplit(':').next().unwrap_or_default()[..12]);
    runs(&world, &version(&commit)).await;
    repository.edit("web/values.yaml", "first", "second");
    let commit = repository.commit("another value, the same version");
    world.fetch(&repository).await;
    runs(&world, &version(&commit)).await;
    world.object("to be the second", ("ConfigMap", "apps", "web"), |it| it["data"]["value"] == "second").await;
    // A chart that is none any more is told by the source, and nothing is uninstalled.
    repository.write("web/Chart.yaml", "name: [");
    repository.commit("broken");
    world.fetch(&repository).await;
    eventually("the broken chart to be told", PATIENCE, async || {
        let chart = world.api.get("HelmChart", &world.namespace, &format!("{}-web", world.namespace)).await;
        let chart = chart.expect("it is there");
        if condition(&chart, "Ready").0 == "False" { Ok(()) } else { Err(chart["status"].to_string()) }
    })
    .await;
    assert_eq!(get(&world).await["status"]["history"][0]["status"], "deployed");
    assert!(world.api.get("ConfigMap", "apps", "web").await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_in_a_registry_is_released_by_its_digest() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let (world, _helm) = start().await;
    let remote = repository(&registry, "charts/web");
    let types = (media::HELM_CONFIG, media::HELM_CHART);
    let first = push(&remote, "1.0.0", types, chart("1.0.0")).await;
    secrets(&world, &registry, "wrong-password").await;
    let layer = json!({"mediaType": media::HELM_CHART, "operation": "copy"});
    let spec = oci_spec(&registry, "charts/web", json!({"ref": {"semver": "1.x"}, "layerSelector": layer}));
    make(&world, "OCIRepository", "web", spec).await;
    release(&world, json!({"chartRef": {"kind": "OCIRepository", "name": "web"}})).await;
    eventually("the source to be waited for", PATIENCE, async || {
        let object = get(&world).await;
        if condition(&object, "Ready").1 == "SourceNotReady" { Ok(()) } else { Err(object["status"].to_string()) }
    })
    .await;
    secrets(&world, &registry, REGISTRY_PASSWORD).await;
    let version = |digest: &Digest, version: &str| format!("{version}+{}", &digest.hex()[..12]);
    let object = runs(&world, &version(&first, "1.0.0")).await;
    assert_eq!(object["status"]["lastAttemptedRevisionDigest"], first.to_string());
    assert_eq!(object["status"]["history"][0]["ociDigest"], first.to_string());
    let second = push(&remote, "1.1.0", types, chart("1.1.0")).await;
    world.request("OCIRepository", "web").await;
    runs(&world, &version(&second, "1.1.0")).await;
    // A tag that is not the chart's version is refused.
    push(&remote, "1.2.0", types, chart("1.1.5")).await;
    world.request("OCIRepository", "web").await;
    let object = eventually("the false version to be told", PATIENCE, async || {
        let object = get(&world).await;
        if condition(&object, "Ready").1 == "ChartMutateError" { Ok(object) } else { Err(object["status"].to_string()) }
    })
    .await;
    assert_eq!(object["status"]["history"][0]["chartVersion"], version(&second, "1.1.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_is_released_from_a_commit() {
    let (world, _helm) = start().await;
    if !world.is_embedded() {
        println!("skipped: the example is made for the namespace flux-system");
        return;
    }
    let repository = world.repository_of("helm-app");
    repository.commit("Start");
    world.follow(&repository).await;
    world.kustomization("helm-app", &repository, "./releases", json!({"wait": true})).await;
    let ready = async |greeting: &str| {
        eventually(format!("the example to say {greeting}"), PATIENCE, async || {
            let object = world.api.get("HelmRelease", "flux-system", "web").await.unwrap_or_default();
            let map = world.api.get("ConfigMap", "helm-app", "web").await.unwrap_or_default();
            let is_ready = condition(&object, "Ready").0 == "True"
                && object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if is_ready && map["data"]["index.html"] == greeting {
                Ok(object)
            } else {
                Err(object["status"].to_string())
            }
        })
        .await
    };
    let object = ready("Hello from Git").await;
    assert_eq!(condition(&object, "TestSuccess").0, "True", "{object}");
    repository.edit("releases/web.yaml", "Hello from Git", "Good morning");
    let revision = repository.commit("Another greeting");
    world.fetch(&repository).await;
    ready("Good morning").await;
    world.applied("helm-app", &revision).await;
    // What leaves the repository leaves the cluster.
    repository.edit("releases/kustomization.yaml", "- web.yaml\n", "");
    repository.commit("No release");
    world.fetch(&repository).await;
    world.gone("HelmRelease", "flux-system", "web").await;
    world.gone("Deployment", "helm-app", "web").await;
}
