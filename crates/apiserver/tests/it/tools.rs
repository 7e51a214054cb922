//! The real `kubectl` and `helm` on a server of their own: what is typed, and what is printed.
//!
//! Found by `SLUICE_KUBECTL` and `SLUICE_HELM`, in `target/tools`, or on the path; skipped where there is none.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

    /// Runs a command; its exit code, and all that it prints.
    async fn run(&self, words: &str) -> (i32, String) {
        let mut command = Command::new(&self.program);
        command.args(words.split_whitespace()).env("KUBECONFIG", self.home.path().join("kubeconfig"));
        for name in ["HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, self.home.path());
        }
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
