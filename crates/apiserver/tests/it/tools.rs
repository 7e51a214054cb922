//! The real `kubectl` and `helm` on a server of their own: what is typed, and what is printed.
//!
//! Found by `SLUICE_KUBECTL` and `SLUICE_HELM`, in `target/tools`, or on the path; skipped where there is none.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sluice_apiserver::{Config, Server, start};
use sluice_testing::workspace_root;

struct Tool {
    program: PathBuf,
    home: tempfile::TempDir,
    _server: Server,
}

impl Tool {
    /// The tool, and a server that it talks to.
    async fn new(name: &str) -> Option<Self> {
        let named = std::env::var_os(format!("SLUICE_{}", name.to_uppercase())).map(PathBuf::from);
        let ours = Some(workspace_root().join("target/tools").join(name)).filter(|it| it.is_file());
        let program = named.or(ours).unwrap_or_else(|| PathBuf::from(name));
        let mut version = Command::new(&program);
        if version.arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            println!("skipped: no {name}; `make tools` installs it");
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        let kubeconfig_out = Some(home.path().join("kubeconfig"));
        let server = start(Config { kubeconfig_out, ..Config::default() }).await.unwrap();
        Some(Self { program, home, _server: server })
    }

    /// Writes a file; the answer is its path, without spaces.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words.split_whitespace()).env("KUBECONFIG", self.home.path().join("kubeconfig"));
        for name in ["HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, self.home.path());
        }
        // What `kubectl edit` starts.
        command.env("KUBE_EDITOR", "sed -i 's/a: old$/a: edited/'");
        command
    }

    /// Starts a command that does not end by itself, and reads until it has printed all of `says`.
    async fn stream(&self, words: &str, says: &[&str]) -> Streaming {
        let mut child = self.command(words).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (send, lines_of) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut streaming = Streaming { child, lines: lines_of, seen: String::new() };
        streaming.until(says).await;
        streaming
    }

    /// Runs a command; its exit code, and all that it prints.
    async fn run(&self, words: &str) -> (i32, String) {
        let mut command = self.command(words);
        let run = move || command.stdin(Stdio::null()).output();
        let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs commands in order; each ends with the code, and prints what is beside it.
    async fn check(&self, cases: &[(&str, i32, &[&str])]) {
        for (words, code, says) in cases {
            let (got, text) = self.run(words).await;
            assert_eq!(got, *code, "{words}: {text}");
            for part in *says {
                assert!(text.contains(part), "{words}: no `{part}` in:\n{text}");
            }
        }
    }
}

/// A command that goes on; it ends with this.
struct Streaming {
    child: Child,
    lines: tokio::sync::mpsc::UnboundedReceiver<String>,
    seen: String,
}

impl Streaming {
    /// Waits until all of `says` was printed.
    async fn until(&mut self, says: &[&str]) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        while !says.iter().all(|part| self.seen.contains(part)) {
            match tokio::time::timeout_at(deadline, self.lines.recv()).await {
                Ok(Some(line)) => self.seen = format!("{}{line}\n", self.seen),
                _ => panic!("no {says:?} in:\n{}", self.seen),
            }
        }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_does_what_it_does_every_day() {
    let Some(kubectl) = Tool::new("kubectl").await else { return };
    let map = |name: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, labels: {{app: x}}}}\ndata: {{a: \"{value}\"}}\n"
        )
    };
    let two = kubectl.file("two.yaml", &format!("{}---\n{}", map("a", "1"), map("b", "1")));
    let one = kubectl.file("one.yaml", &map("a", "2"));
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: default}\n\
                rules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]\n";
    let role = kubectl.file("role.yaml", role);
    kubectl
        .check(&[
            ("create deployment web --image nginx:1 --replicas 2", 0, &["deployment.apps/web created"]),
            ("rollout status deployment web --timeout=60s", 0, &["successfully rolled out"]),
            ("set image deployment/web nginx=nginx:2", 0, &["deployment.apps/web image updated"]),
            ("rollout status deployment web --timeout=60s", 0, &["successfully rolled out"]),
            ("rollout history deployment web", 0, &["REVISION", "1", "2"]),
            ("rollout undo deployment web", 0, &["deployment.apps/web rolled back"]),
            ("get deploy web -o jsonpath={..image}", 0, &["nginx:1"]),
            ("wait --for=jsonpath={.status.readyReplicas}=2 deploy/web --timeout=60s", 0, &["condition met"]),
            ("logs deploy/web", 0, &[]),
            ("top pods", 1, &["Metrics API not available"]),
            ("auth can-i --list", 0, &["*.*", "[*]"]),
            ("auth can-i get pods --as=nobody", 1, &["no"]),
            (&format!("auth reconcile -f {role}"), 0, &["role.rbac.authorization.k8s.io/r reconciled"]),
            ("create token default", 0, &["eyJ"]),
            (&format!("apply -f {two}"), 0, &["configmap/a created", "configmap/b created"]),
            (&format!("diff -f {one}"), 1, &["-  a: \"1\"", "+  a: \"2\""]),
            (
                &format!("apply -f {one} --prune -l app=x --prune-allowlist=core/v1/ConfigMap"),
                0,
                &["configmap/a configured", "configmap/b pruned"],
            ),
            (&format!("replace -f {one}"), 0, &["configmap/a replaced"]),
            ("create quota q --hard=configmaps=1", 0, &["resourcequota/q created"]),
            ("create configmap c", 1, &["exceeded quota: q, requested: configmaps=1"]),
            ("explain deployment.spec.strategy", 0, &["FIELD: strategy <DeploymentStrategy>", "rollingUpdate"]),
            ("delete deployment web --cascade=foreground --timeout=60s", 0, &["\"web\" deleted"]),
            ("wait pods -l app=web --for=delete --timeout=60s", 0, &[]),
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_reads_changes_and_watches() {
    let Some(kubectl) = Tool::new("kubectl").await else { return };
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: old}\n";
    let map = kubectl.file("map.yaml", map);
    let other = kubectl.file("other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: new}\n");
    let typo = kubectl.file("typo.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndat: {a: new}\n");
    let kustomization = kubectl.file("k/kustomization.yaml", "resources: [map.yaml]\nnamePrefix: k-\n");
    kubectl.file("k/map.yaml", &std::fs::read_to_string(&map).unwrap());
    let folder = kustomization.strip_suffix("/kustomization.yaml").unwrap().to_owned();
    let mut watch = kubectl.stream("get configmaps -w", &["kube-root-ca.crt"]).await;
    kubectl
        .check(&[
            ("api-resources --api-group=apps -o wide", 0, &["deployments", "deploy", "apps/v1", "Deployment", "patch"]),
            ("api-resources --namespaced=false --verbs=list -o name", 0, &["namespaces", "clusterroles.rbac"]),
            ("api-versions", 0, &["batch/v1", "networking.k8s.io/v1"]),
            ("explain cronjob.spec.jobTemplate.spec.backoffLimit", 0, &["FIELD: backoffLimit <integer>"]),
            ("explain pod --recursive", 0, &["livenessProbe", "<[]Container> -required-"]),
            (&format!("create -f {map} --save-config"), 0, &["configmap/m created"]),
            (&format!("create -f {map}"), 1, &["(AlreadyExists)", "configmaps \"m\" already exists"]),
            (&format!("apply -f {map}"), 0, &["configmap/m unchanged"]),
            (&format!("diff -f {other}"), 1, &["-  a: old", "+  a: new"]),
            (&format!("diff --server-side -f {other}"), 1, &["-  a: old", "+  a: new"]),
            ("edit configmap m", 0, &["configmap/m edited"]),
            ("get configmap m -o jsonpath={.data.a}", 0, &["edited"]),
            (&format!("apply -f {typo}"), 1, &["unknown field \"dat\""]),
            (
                &format!("apply --server-side -f {other}"),
                1,
                &["conflict with \"kubectl-edit\" using v1: .data.a", "--force-conflicts"],
            ),
            (&format!("apply --server-side --force-conflicts -f {other}"), 0, &["configmap/m serverside-applied"]),
            (&format!("apply -k {folder}"), 0, &["configmap/k-m created"]),
            ("label configmap m tier=front", 0, &["configmap/m labeled"]),
            ("label configmap m tier=back", 1, &["already has a value (front)"]),
            ("get configmap -l tier=front,!other -o name", 0, &["configmap/m"]),
            ("get configmap -l tier -L tier", 0, &["TIER", "front"]),
            ("label configmap m tier-", 0, &["configmap/m unlabeled"]),
            ("annotate configmap m note=x", 0, &["configmap/m annotated"]),
            ("patch configmap m --type=merge -p {\"data\":{\"b\":\"2\"}}", 0, &["configmap/m patched"]),
            ("patch configmap m --type=merge -p {\"data\":{\"b\":\"2\"}}", 0, &["configmap/m patched (no change)"]),
            ("get configmap m -o go-template={{.data.b}}", 0, &["2"]),
            ("get configmap m -o yaml --show-managed-fields", 0, &["manager: kubectl-annotate", "operation: Apply"]),
            ("get secrets,configmaps m", 1, &["NotFound"]),
            ("get configmap m -o json", 0, &["\"kind\": \"ConfigMap\""]),
            ("describe configmap m", 0, &["Name:         m", "Data", "BinaryData"]),
            (&format!("replace --force -f {map}"), 0, &["configmap \"m\" deleted", "configmap/m replaced"]),
            ("delete configmap m k-m --wait", 0, &["configmap \"m\" deleted"]),
        ])
        .await;
    watch.until(&["\nk-m ", "\nm "]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_rolls_out_asks_and_is_told_what_is_not_there() {
    let Some(kubectl) = Tool::new("kubectl").await else { return };
    let mut events = kubectl.stream("get events -A -w --output-watch-events", &[]).await;
    kubectl
        .check(&[
            ("create deployment web --image nginx:1 --replicas 1 --port 80", 0, &["deployment.apps/web created"]),
            ("expose deployment web --port 80", 0, &["service/web exposed"]),
            ("rollout status deployment/web --timeout=60s", 0, &["successfully rolled out"]),
            ("scale deployment/web --replicas 3 --current-replicas 1", 0, &["deployment.apps/web scaled"]),
            ("scale deployment/web --replicas 3 --current-replicas 1", 1, &["Expected replicas to be 1, was 3"]),
            ("wait deploy/web --for=jsonpath={.status.availableReplicas}=3 --timeout=60s", 0, &["condition met"]),
            ("rollout restart deployment/web", 0, &["deployment.apps/web restarted"]),
            ("rollout status deployment/web --timeout=60s", 0, &["successfully rolled out"]),
            ("rollout pause deployment/web", 0, &["deployment.apps/web paused"]),
            ("set image deployment/web nginx=nginx:2", 0, &["deployment.apps/web image updated"]),
            ("rollout undo deployment/web", 1, &["paused"]),
            ("rollout resume deployment/web", 0, &["deployment.apps/web resumed"]),
            ("rollout status deployment/web --timeout=60s", 0, &["successfully rolled out"]),
            ("rollout history deployment/web --revision=3", 0, &["revision #3", "Image:", "nginx:2"]),
            ("rollout undo deployment/web --to-revision=1", 0, &["deployment.apps/web rolled back"]),
            ("set env deployment/web A=b", 0, &["deployment.apps/web env updated"]),
            ("set resources deployment/web --limits=cpu=1", 0, &["deployment.apps/web resource requirements updated"]),
            ("autoscale deployment/web --min=1 --max=3 --cpu=50%", 0, &["horizontalpodautoscaler.autoscaling/web"]),
            ("get deploy,rs,hpa,svc,endpointslices -o wide", 0, &["nginx:1", "horizontalpodautoscaler"]),
            ("describe deployment web", 0, &["StrategyType:", "RollingUpdate", "Available      True"]),
            ("logs -l app=web --tail=5", 0, &[]),
            ("logs nothing", 1, &["(NotFound)", "pods \"nothing\" not found"]),
            ("exec deploy/web -- ls", 1, &["not supported by this server"]),
            ("top nodes", 1, &["Metrics API not available"]),
            ("auth whoami", 0, &["kubernetes-admin", "system:masters"]),
            ("auth can-i create pods/exec --as=system:serviceaccount:default:default", 1, &["no"]),
            ("auth can-i --list --as=nobody", 0, &["selfsubjectaccessreviews.authorization.k8s.io", "[/healthz]"]),
            ("create serviceaccount robot", 0, &["serviceaccount/robot created"]),
            ("create role r --verb=get,list --resource=pods,deployments.apps", 0, &["role.rbac"]),
            ("create rolebinding b --role=r --serviceaccount=default:robot", 0, &["rolebinding.rbac"]),
            ("auth can-i list pods --as=system:serviceaccount:default:robot", 0, &["yes"]),
            ("create token robot --duration=1h --audience=x", 0, &["eyJ"]),
            ("create token robot --duration=1m", 1, &["may not specify a duration less than 10 minutes"]),
            ("create job j --image=i", 0, &["job.batch/j created"]),
            ("wait job/j --for=condition=complete --timeout=60s", 0, &["condition met"]),
            ("create cronjob c --image=i --schedule=@daily", 0, &["cronjob.batch/c created"]),
            ("create job from --from=cronjob/c", 0, &["job.batch/from created"]),
            ("create ingress i --rule=a.b/*=web:80", 0, &["ingress.networking.k8s.io/i created"]),
            ("create poddisruptionbudget p --selector=app=web --min-available=1", 0, &["poddisruptionbudget.policy/p"]),
            ("config current-context", 0, &["\n"]),
            ("config view -o jsonpath={.clusters[0].cluster.server}", 0, &["https://127.0.0.1:"]),
            ("config set-context --current --namespace=kube-system", 0, &["modified"]),
            ("get serviceaccounts", 0, &["default"]),
            ("get serviceaccounts robot", 1, &["serviceaccounts \"robot\" not found"]),
            ("config get-contexts -o name", 0, &["\n"]),
            ("get events -n default", 0, &["ScalingReplicaSet", "Scaled up replica set web-", "SuccessfulCreate"]),
            ("events -n default --for deployment/web", 0, &["ScalingReplicaSet", "Deployment/web"]),
        ])
        .await;
    events.until(&["ADDED", "ScalingReplicaSet"]).await;
    let watch = kubectl.stream("events -n default -w", &["REASON", "ScalingReplicaSet"]).await;
    drop(watch);
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_installs_upgrades_rolls_back_and_uninstalls() {
    let Some(helm) = Tool::new("helm").await else { return };
    let chart = helm.file("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 0.1.0\n");
    let chart = chart.strip_suffix("/Chart.yaml").unwrap().to_owned();
    helm.file("chart/values.yaml", "replicas: 1\n");
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: \"{{ .Release.Name }}\"}\nspec:\n  \
                      replicas: {{ .Values.replicas }}\n  selector: {matchLabels: {app: w}}\n  template:\n    \
                      metadata: {labels: {app: w}}\n    spec: {containers: [{name: c, image: i}]}\n";
    helm.file("chart/templates/deployment.yaml", deployment);
    let seen = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\ndata:\n  there: \
                '{{ if lookup \"v1\" \"Namespace\" \"\" \"default\" }}yes{{ end }}'\n";
    helm.file("chart/templates/seen.yaml", seen);
    let test = "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\nspec:\n  \
                restartPolicy: Never\n  containers: [{name: c, image: i}]\n";
    helm.file("chart/templates/test.yaml", test);
    helm.check(&[
        (&format!("install r {chart} --wait --timeout 60s"), 0, &["STATUS: deployed", "REVISION: 1"]),
        (&format!("upgrade r {chart} --set replicas=2 --wait --timeout 60s"), 0, &["has been upgraded", "REVISION: 2"]),
        ("test r --timeout 60s", 0, &["TEST SUITE:", "Succeeded"]),
        ("get values r", 0, &["replicas: 2"]),
        ("rollback r 1 --wait --timeout 60s", 0, &["Rollback was a success"]),
        ("get manifest r", 0, &["replicas: 1", "there: 'yes'"]),
        ("list", 0, &["deployed", "chart-0.1.0"]),
        ("history r", 0, &["superseded", "Rollback to 1"]),
        (&format!("upgrade r {chart} --dry-run=server"), 0, &["there: 'yes'"]),
        ("uninstall r --wait --timeout 60s", 0, &["release \"r\" uninstalled"]),
        ("list", 0, &["NAME"]),
    ])
    .await;
}
