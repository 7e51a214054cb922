//! From a tag in a registry to the image that a policy chooses.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_oci::{Access, Client, Credentials, Manifest, Repository, Target, Tls, media};
use sluice_testing::{DockerRegistry, Door, REGISTRY_PASSWORD, REGISTRY_USER};
use sluice_tests::{Controller, PATIENCE, World, condition, eventually};

use super::fake::Fake;

/// A world with an image-automation-controller.
struct Images {
    world: World,
    controller: Controller,
}

impl Images {
    async fn start() -> Images {
        let world = World::start().await;
        let mut controller = world.image_automation_controller(&[]);
        controller.start();
        Images { world, controller }
    }

    async fn object(&self, kind: &str, namespace: &str, name: &str, spec: Value) {
        let meta = json!({"name": name, "namespace": namespace});
        let object = json!({"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": kind, "metadata": meta, "spec": spec});
        self.world.api.apply(&object).await;
    }

    /// An ImageRepository that is scanned once an hour, or when asked.
    async fn repository(&self, name: &str, image: &str, more: Value) {
        let mut spec = json!({"image": image, "interval": "1h"});
        for (key, value) in more.as_object().expect("a part of a specification is an object") {
            spec[key.as_str()] = value.clone();
        }
        self.object("ImageRepository", &self.world.namespace, name, spec).await;
    }

    /// An ImagePolicy for the highest version in a range.
    async fn policy(&self, name: &str, repository: &str, range: &str, more: Value) {
        let mut spec = json!({"imageRepositoryRef": {"name": repository}, "policy": {"semver": {"range": range}}});
        for (key, value) in more.as_object().expect("a part of a specification is an object") {
            spec[key.as_str()] = value.clone();
        }
        self.object("ImagePolicy", &self.world.namespace, name, spec).await;
    }

    /// Waits until a policy has chosen a tag.
    async fn chosen(&self, policy: &str, tag: &str) -> Value {
        let at = ("ImagePolicy", self.world.namespace.as_str(), policy);
        let is_chosen = |it: &Value| it["status"]["latestRef"]["tag"] == tag && condition(it, "Ready").0 == "True";
        self.world.object(&format!("to choose {tag}"), at, is_chosen).await
    }

    /// Waits until a repository is as `check` wants it.
    async fn repository_is(&self, what: &str, name: &str, check: impl Fn(&Value) -> bool) -> Value {
        self.world.object(what, ("ImageRepository", self.world.namespace.as_str(), name), check).await
    }

    /// Asks for a scan and waits until it is done.
    async fn scanned(&self, name: &str) -> Value {
        let token = self.world.request("ImageRepository", name).await;
        self.repository_is("to be scanned", name, |it| it["status"]["lastHandledReconcileAt"] == token.as_str()).await
    }

    /// The Secrets with which a registry is reached.
    async fn sign_in(&self, registry: &DockerRegistry) -> Value {
        self.world.secret("registry-user", &[(".dockerconfigjson", &registry.docker_config(REGISTRY_PASSWORD))]).await;
        self.world.secret("registry-authority", &[("ca.crt", &registry.ca)]).await;
        json!({"secretRef": {"name": "registry-user"}, "certSecretRef": {"name": "registry-authority"}})
    }
}

/// Pushes an image that says when it was made.
async fn push(registry: &DockerRegistry, tag: &str, created: &str) {
    let repository = open(registry);
    let config =
        json!({"architecture": "amd64", "os": "linux", "created": created, "config": {"Labels": {"tag": tag}}});
    let config = repository.push_blob("application/vnd.oci.image.config.v1+json", config.to_string().into()).await;
    let manifest = Manifest::new(config.expect("the registry takes a blob"), Vec::new(), BTreeMap::new());
    let data = serde_json::to_vec(&manifest).expect("a manifest is JSON");
    let tag = Target::tag(tag).expect("a tag");
    repository.push_manifest(&tag, media::OCI_MANIFEST, data.into()).await.expect("the registry takes a manifest");
}

fn open(registry: &DockerRegistry) -> Repository {
    let name = format!("{}/app", registry.address).parse().expect("a name");
    let access = Access {
        credentials: Credentials::Basic { username: REGISTRY_USER.into(), password: REGISTRY_PASSWORD.into() },
        tls: Tls { ca: Some(registry.ca.clone()), client: None },
        ..Access::default()
    };
    Client::default().repository(&name, &access, PATIENCE)
}

const LONG_AGO: &str = "2020-01-01T00:00:00Z";
const NEVER_YET: &str = "2099-01-01T00:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_tag_is_chosen_with_its_digest() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let images = Images::start().await;
    push(&registry, "1.0.0", LONG_AGO).await;
    push(&registry, "sha256-aa.sig", LONG_AGO).await;
    let access = images.sign_in(&registry).await;
    let image = format!("{}/app", registry.address);
    images.repository("app", &image, access).await;
    images.policy("app", "app", ">=1.0.0", json!({"digestReflectionPolicy": "IfNotPresent"})).await;
    let policy = images.chosen("app", "1.0.0").await;
    let digest = open(&registry).resolve(&Target::tag("1.0.0").expect("a tag")).await.expect("it is there").digest;
    assert_eq!(policy["status"]["latestRef"], json!({"name": image, "tag": "1.0.0", "digest": digest.to_string()}));

    push(&registry, "1.1.0", LONG_AGO).await;
    images.scanned("app").await;
    let policy = images.chosen("app", "1.1.0").await;
    assert_eq!(policy["status"]["observedPreviousRef"]["tag"], "1.0.0");
    let message = condition(&policy, "Ready").2;
    assert!(
        message.starts_with(&format!("Latest image tag for {image} resolved to 1.1.0 with digest sha256:")),
        "{message}"
    );
    assert!(message.ends_with(&format!("(previously {image}:1.0.0@{digest})")), "{message}");
    let repository = images.repository_is("to be ready", "app", |it| condition(it, "Ready").0 == "True").await;
    let status = &repository["status"];
    assert_eq!((&status["canonicalImageName"], &status["lastScanResult"]["tagCount"]), (&json!(image), &json!(2)));
    assert_eq!(status["lastScanResult"]["latestTags"], json!(["1.1.0", "1.0.0"]));
    assert_eq!(status["observedExclusionList"], json!(["^.*\\.sig$"]));
    let revision = status["lastScanResult"]["revision"].as_str().unwrap_or_default();
    assert!(revision.bytes().all(|it| it.is_ascii_digit()) && !revision.is_empty(), "{revision}");
    let message = condition(&repository, "Ready").2;
    assert_eq!(message, format!("successful scan: found 2 tags with checksum {revision}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_outlive_the_controller_and_the_registry() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let mut images = Images::start().await;
    push(&registry, "1.0.0", LONG_AGO).await;
    push(&registry, "1.1.0", LONG_AGO).await;
    let access = images.sign_in(&registry).await;
    images.repository("app", &format!("{}/app", registry.address), access).await;
    images.policy("app", "app", ">=1.0.0", json!({})).await;
    images.chosen("app", "1.1.0").await;

    drop(registry);
    images.controller.kill();
    images.controller.start();
    images.policy("app", "app", "<1.1.0", json!({})).await;
    images.chosen("app", "1.0.0").await;

    images.world.request("ImageRepository", "app").await;
    let failed = |it: &Value| condition(it, "Ready").1 == "ReadOperationFailed";
    let repository = images.repository_is("to tell that the registry is away", "app", failed).await;
    assert!(condition(&repository, "Ready").2.starts_with("scan failed: "), "{repository}");
    assert_eq!(repository["status"]["lastScanResult"]["tagCount"], 2);
    let policy = images.chosen("app", "1.0.0").await;
    assert_eq!(condition(&policy, "Ready").0, "True");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_is_told_and_its_arrival_wakes() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let images = Images::start().await;
    push(&registry, "1.0.0", LONG_AGO).await;
    let access = json!({"secretRef": {"name": "registry-user"}, "certSecretRef": {"name": "registry-authority"}});
    images.repository("app", &format!("{}/app", registry.address), access).await;
    let failed = |it: &Value| condition(it, "Ready").1 == "AuthenticationFailed";
    images.repository_is("to lack its Secret", "app", failed).await;
    images.sign_in(&registry).await;
    images.repository_is("to be scanned", "app", |it| it["status"]["lastScanResult"]["tagCount"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_asks_for_patience_is_not_asked_before_its_time() {
    let registry = Fake::start(vec!["1.0.0".into()]).await;
    registry.refuse(Some("Retry-After: 4\r\nRateLimit-Limit: 100;w=21600\r\nRateLimit-Remaining: 0;w=21600\r\n"));
    let images = Images::start().await;
    images.repository("app", &format!("{}/app", registry.address), json!({})).await;
    let failed = |it: &Value| condition(it, "Ready").1 == "ReadOperationFailed";
    let repository = images.repository_is("to be refused", "app", failed).await;
    let message = condition(&repository, "Ready").2;
    for part in ["TOOMANYREQUESTS", "; 0 of 100 requests in 21600s are left", "; it is asked again at ", "not before"] {
        assert!(message.contains(part), "{message}");
    }
    registry.refuse(None);
    // Neither a request nor a start of the controller shortens the wait of this process.
    images.scanned("app").await;
    images.repository_is("to be scanned", "app", |it| condition(it, "Ready").0 == "True").await;
    let answers = registry.answers();
    assert_eq!((answers[0].1, answers[1].1), (429, 200), "{answers:?}");
    let waited = answers[1].0 - answers[0].0;
    assert!(waited >= Duration::from_secs(4), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_tags_come_page_by_page_and_only_once() {
    let registry = Fake::start((0..50_000).map(|n| format!("build-{n:05}")).collect()).await;
    let images = Images::start().await;
    images.repository("app", &format!("{}/app", registry.address), json!({})).await;
    let spec = json!({
        "imageRepositoryRef": {"name": "app"}, "policy": {"numerical": {}},
        "filterTags": {"pattern": "^build-(?P<n>[0-9]+)$", "extract": "$n"},
    });
    images.object("ImagePolicy", &images.world.namespace, "app", spec).await;
    images.chosen("app", "build-49999").await;
    assert_eq!(registry.answers().iter().filter(|(_, code)| *code == 200).count(), 50);
    let repository = images.scanned("app").await;
    assert_eq!(repository["status"]["lastScanResult"]["tagCount"], 50_000);
    assert_eq!(repository["status"]["lastScanResult"]["latestTags"].as_array().map(Vec::len), Some(10));
    let answers = registry.answers();
    let count = |code| answers.iter().filter(|(_, it)| *it == code).count();
    assert_eq!((count(200), count(304)), (50, 50));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_namespace_needs_to_be_let_in() {
    let registry = Fake::start(vec!["1.0.0".into()]).await;
    let images = Images::start().await;
    let (own, other) = (images.world.namespace.clone(), "team-b");
    images.world.make_namespace(other).await;
    images.world.api.patch("Namespace", "", other, json!({"metadata": {"labels": {"team": "b"}}})).await;
    images.repository("app", &format!("{}/app", registry.address), json!({})).await;
    images.repository_is("to be scanned", "app", |it| condition(it, "Ready").0 == "True").await;
    let spec = json!({"imageRepositoryRef": {"name": "app", "namespace": own}, "policy": {"semver": {"range": "*"}}});
    images.object("ImagePolicy", other, "app", spec).await;
    let at = ("ImagePolicy", other, "app");
    let denied = |it: &Value| condition(it, "Ready").1 == "AccessDenied" && it["status"]["latestRef"].is_null();
    images.world.object("to be kept out", at, denied).await;
    let selector = |team: &str| json!({"accessFrom": {"namespaceSelectors": [{"matchLabels": {"team": team}}]}});
    images.repository("app", &format!("{}/app", registry.address), selector("b")).await;
    images.world.object("to be let in", at, |it| it["status"]["latestRef"]["tag"] == "1.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_may_demand_an_age_and_may_only_tell() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let images = Images::start().await;
    push(&registry, "1.0.0", LONG_AGO).await;
    push(&registry, "1.1.0", NEVER_YET).await;
    let access = images.sign_in(&registry).await;
    let image = format!("{}/app", registry.address);
    images.repository("app", &image, access).await;
    let ns = images.world.namespace.clone();
    let object = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
        "metadata": {"name": "app", "namespace": ns, "annotations": {"sluice.dev/minimum-age": "24h"}},
        "spec": {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "*"}}},
    });
    images.world.api.apply(&object).await;
    images.chosen("app", "1.0.0").await;
    let annotations = json!({"sluice.dev/minimum-age": null, "sluice.dev/dry-run": "enabled"});
    images.world.api.patch("ImagePolicy", &ns, "app", json!({"metadata": {"annotations": annotations}})).await;
    let want = format!("Dry run: {image}:1.1.0 would be chosen (now {image}:1.0.0)");
    let told = |it: &Value| condition(it, "Ready").2 == want && it["status"]["latestRef"]["tag"] == "1.0.0";
    images.world.object("to tell what it would choose", ("ImagePolicy", &ns, "app"), told).await;
    let patch = json!({"metadata": {"annotations": {"sluice.dev/dry-run": null}}});
    images.world.api.patch("ImagePolicy", &ns, "app", patch).await;
    images.chosen("app", "1.1.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_the_registry_starts_a_scan() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let images = Images::start().await;
    let webhooks = World::free_address();
    let flags = [format!("--events-addr={}", World::free_address()), format!("--receiverAddr={webhooks}")];
    let more = ["--metrics-addr=0".to_owned(), format!("--storage-path={}", images.world.folder().join("q").display())];
    let mut notification = images.world.notification_controller(&[flags, more].concat());
    notification.start();
    push(&registry, "1.0.0", LONG_AGO).await;
    let access = images.sign_in(&registry).await;
    images.repository("app", &format!("{}/app", registry.address), access).await;
    images.policy("app", "app", ">=1.0.0", json!({})).await;
    images.chosen("app", "1.0.0").await;
    images.world.secret("webhook", &[("token", "a-token")]).await;
    let ns = images.world.namespace.clone();
    let spec = json!({"type": "generic", "secretRef": {"name": "webhook"},
        "resources": [{"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository", "name": "app"}]});
    let meta = json!({"name": "registry", "namespace": ns});
    let receiver =
        json!({"apiVersion": "notification.toolkit.fluxcd.io/v1", "kind": "Receiver", "metadata": meta, "spec": spec});
    images.world.api.apply(&receiver).await;
    let at = ("Receiver", ns.as_str(), "registry");
    let ready = images.world.object("to have a path", at, |it| it["status"]["webhookPath"].is_string()).await;
    let url = format!("http://{webhooks}{}", ready["status"]["webhookPath"].as_str().unwrap_or_default());
    push(&registry, "1.1.0", LONG_AGO).await;
    eventually("the webhook to be taken", PATIENCE, async || {
        let sent = reqwest::Client::new().post(&url).body("{}").send().await.map_err(|error| error.to_string())?;
        if sent.status().is_success() { Ok(()) } else { Err(sent.status().to_string()) }
    })
    .await;
    images.chosen("app", "1.1.0").await;
}
