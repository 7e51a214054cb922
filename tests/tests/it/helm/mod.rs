//! HelmReleases, and the real `helm` beside them.

mod charts;
mod costs;
mod kills;
mod releases;
mod remediation;
mod shared;
mod specification;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_tests::{ArtifactServer, Controller, PATIENCE, World, condition, eventually, helm_release};

const GATE: &[&str] = &["--feature-gates=ExternalArtifact=true"];
const USER: &str = "system:serviceaccount:flux-system:helm-controller";

/// Four objects; the Deployment does as `outcome` says (docs/simulator.md).
const TEMPLATE: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data: {value: {{ .Values.value | quote }}, chart: {{ .Chart.Version | quote }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}}
stringData: {value: {{ .Values.value | quote }}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ .Release.Name }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: 1
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
      annotations: {simulate.sluice.dev/outcome: {{ .Values.outcome }}}
    spec: {containers: [{name: app, image: "app:{{ .Chart.Version }}"}]}
"#;
const HOOK: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-before
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: hook-succeeded}
"#;
const TEST: &str = r#"apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  annotations: {helm.sh/hook: test, simulate.sluice.dev/outcome: {{ .Values.test }}}
spec: {restartPolicy: Never, containers: [{name: t, image: "t:1"}]}
"#;

const VALUES: &str = "value: one\noutcome: ready\ntest: ready\n";

fn metadata(version: &str) -> String {
    format!("apiVersion: v2\nname: web\nversion: {version}\nappVersion: \"7\"\n")
}

struct Stage {
    world: World,
    server: ArtifactServer,
    helm: Controller,
}

impl Stage {
    async fn start() -> Self {
        let world = World::start().await;
        world.make_namespace("apps").await;
        let server = ArtifactServer::start().await;
        let mut helm = world.helm_controller(GATE);
        helm.start();
        let stage = Stage { world, server, helm };
        stage.publish("1.0.0", &[]).await;
        stage
    }

    /// Serves the chart in this version, with more files.
    async fn publish(&self, version: &str, more: &[(&str, &str)]) {
        let chart = metadata(version);
        let mut files = vec![("Chart.yaml", chart.as_str()), ("values.yaml", VALUES), ("templates/all.yaml", TEMPLATE)];
        files.extend(more);
        self.server.publish(&self.world, "web", version, &files).await;
    }

    /// Writes the chart with more files to disk, for helm; returns its folder.
    fn chart_folder(&self, more: &[(&str, &str)]) -> String {
        let folder = self.world.folder().join("web");
        std::fs::create_dir_all(folder.join("templates")).expect("a folder can be made");
        let chart = metadata("1.0.0");
        let files = [("Chart.yaml", chart.as_str()), ("values.yaml", VALUES), ("templates/all.yaml", TEMPLATE)];
        for (name, text) in files.iter().chain(more) {
            std::fs::write(folder.join(name), text).expect("a file can be written");
        }
        folder.to_string_lossy().into_owned()
    }

    /// Makes the HelmRelease `web` of the chart, which installs into `apps`.
    async fn release(&self, more: Value) {
        let mut spec = json!({"targetNamespace": "apps", "releaseName": "web"});
        for (key, value) in more.as_object().expect("a part of a specification is an object") {
            spec[key.as_str()] = value.clone();
        }
        self.world.api.apply(&helm_release(&self.world, "web", "web", &spec)).await;
    }

    async fn get(&self) -> Value {
        self.world.api.get("HelmRelease", &self.world.namespace, "web").await.expect("the HelmRelease is there")
    }

    /// Waits until `check` is content with the HelmRelease.
    async fn becomes(&self, what: &str, check: impl Fn(&Value) -> bool) -> Value {
        eventually(format!("the HelmRelease to be {what}"), PATIENCE, async || {
            let object = self.get().await;
            if check(&object) { Ok(object) } else { Err(object["status"].to_string()) }
        })
        .await
    }

    /// Waits until the newest release is this one, and ready.
    async fn ready(&self, version: i64) -> Value {
        self.becomes(&format!("ready at revision {version}"), |object| is_ready(object, version)).await
    }

    /// The status of each stored revision, by its label.
    async fn records(&self) -> Vec<(i64, String)> {
        let mut found: Vec<(i64, String)> = Vec::new();
        for secret in self.world.api.list("Secret", &self.world.namespace).await {
            let labels = &secret["metadata"]["labels"];
            if labels["owner"] == "helm" {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                found.push((text(&labels["version"]).parse().expect("a revision"), text(&labels["status"])));
            }
        }
        found.sort();
        found
    }

    /// The records as they are stored, without their Secrets, lowest revision first.
    async fn stored(&self) -> Vec<Value> {
        let secrets = self.world.api.list("Secret", &self.world.namespace).await;
        let ours = secrets.iter().filter(|it| it["metadata"]["labels"]["owner"] == "helm");
        let mut found: Vec<Value> =
            ours.map(|it| unpacked(it["data"]["release"].as_str().unwrap_or_default())).collect();
        found.sort_by_key(|it| it["version"].as_i64());
        found
    }

    /// Asks for a pass, with more annotations of the same token; returns the token.
    async fn ask(&self, annotations: &[&str]) -> String {
        let token = format!("asked-{}", self.get().await["metadata"]["resourceVersion"].as_str().unwrap_or_default());
        let all = annotations.iter().chain([&"requestedAt"]);
        let all: serde_json::Map<String, Value> =
            all.map(|key| (format!("reconcile.fluxcd.io/{key}"), token.as_str().into())).collect();
        let patch = json!({"metadata": {"annotations": all}});
        self.world.api.patch("HelmRelease", &self.world.namespace, "web", patch).await;
        token
    }

    /// Waits until nothing but somebody can help; returns the HelmRelease and the message of Stalled.
    async fn stalled(&self, reason: &str) -> (Value, String) {
        let object = self
            .becomes(&format!("stalled with {reason}"), |it| {
                condition(it, "Stalled").1 == reason
                    && it["status"]["observedGeneration"] == it["metadata"]["generation"]
            })
            .await;
        let message = condition(&object, "Stalled").2;
        (object, message)
    }

    /// The value that the installed objects have.
    async fn value(&self) -> String {
        let live = self.world.api.get("ConfigMap", "apps", "web").await.unwrap_or_default();
        live["data"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// The real `helm`; `None`, said so, where there is none.
    fn cli(&self) -> Option<Helm> {
        let program = std::env::var_os("SLUICE_HELM").map_or_else(|| PathBuf::from("helm"), PathBuf::from);
        let mut version = Command::new(&program);
        version.arg("version").stdout(Stdio::null()).stderr(Stdio::null());
        if !version.status().is_ok_and(|it| it.success()) {
            println!("skipped: no helm; set SLUICE_HELM");
            return None;
        }
        Some(Helm { program, kubeconfig: self.world.kubeconfig().to_owned(), home: self.world.folder().to_owned() })
    }
}

fn is_ready(object: &Value, version: i64) -> bool {
    condition(object, "Ready").0 == "True"
        && object["status"]["history"][0]["version"] == version
        && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Helm {
    async fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.args(args).env("KUBECONFIG", &self.kubeconfig).env("HOME", &self.home);
        let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("the thread does not panic");
        let output = ran.expect("helm can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "helm {args:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

fn unpacked(stored: &str) -> Value {
    use std::io::Read;
    let packed = STANDARD.decode(STANDARD.decode(stored).expect("base64")).expect("base64 in base64");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("gzip");
    serde_json::from_str(&text).expect("JSON")
}

fn packed(record: &Value) -> String {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(record.to_string().as_bytes()).expect("memory can be written to");
    STANDARD.encode(STANDARD.encode(packer.finish().expect("memory can be written to")))
}
