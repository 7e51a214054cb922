//! The real `kubectl` against the embedded control plane: what a person types, and what it prints.
//!
//! Against another cluster the same commands run; what depends on its nodes is left out.

use serde_json::Value;
use sluice_tests::{EXAMPLE_KUSTOMIZATIONS, Kubectl, World};

/// The example, applied and ready, and `kubectl`.
async fn example() -> Option<(World, Kubectl)> {
    let world = World::start().await;
    let kubectl = world.kubectl()?;
    let repository = world.example();
    let revision = repository.commit("Start");
    world.follow_example(&repository).await;
    for name in EXAMPLE_KUSTOMIZATIONS {
        world.applied(name, &revision).await;
    }
    // From here on nobody puts back what kubectl does.
    for name in EXAMPLE_KUSTOMIZATIONS {
        let patch = serde_json::json!({"spec": {"suspend": true}});
        world.api.patch("Kustomization", &world.namespace, name, patch).await;
    }
    Some((world, kubectl))
}

/// Runs commands in order; each is to succeed, and to print what is beside it.
async fn check(kubectl: &Kubectl, cases: &[(&str, &[&str])]) {
    for (words, says) in cases {
        let out = kubectl.ok(words).await;
        for part in *says {
            assert!(out.contains(part), "kubectl {words}: no `{part}` in:\n{out}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading() {
    let Some((world, kubectl)) = example().await else { return };
    let ns = world.namespace.as_str();
    check(
        &kubectl,
        &[
            ("get deployments -n production", &["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "web-app", "3/3"]),
            (
                "get deploy,svc,sa,pdb -n production",
                &["deployment.apps/web-app", "service/web-app", "poddisruptionbudget.policy/web-app"],
            ),
            ("get pods -n production -l app=web-app", &["1/1", "Running"]),
            ("get deploy web-app -n production -o name", &["deployment.apps/web-app"]),
            (
                "get deploy web-app -n production -o wide",
                &["CONTAINERS", "IMAGES", "ghcr.io/example/web-app:1.4.2", "app=web-app"],
            ),
            ("get deploy web-app -n production -o jsonpath={.spec.replicas}", &["3"]),
            ("get deploy web-app -n production -o go-template={{.metadata.name}}", &["web-app"]),
            ("get deploy -n production -o custom-columns=N:.metadata.name,R:.spec.replicas", &["N", "web-app   3"]),
            ("get deploy web-app -n production -o yaml", &["kind: Deployment", "image: ghcr.io/example/web-app:1.4.2"]),
            ("get cm -A --show-labels", &["NAMESPACE", "LABELS", "app.kubernetes.io/name=web-app"]),
            ("get deploy -n production --field-selector metadata.name=web-app --no-headers", &["web-app"]),
            ("get deploy -n production --sort-by=.metadata.name", &["web-app"]),
            (
                "api-resources --api-group=kustomize.toolkit.fluxcd.io",
                &["kustomizations", "ks", "kustomize.toolkit.fluxcd.io/v1", "true", "Kustomization"],
            ),
            ("api-versions", &["apps/v1", "source.toolkit.fluxcd.io/v1", "policy/v1"]),
            ("explain deployment.spec.replicas", &["KIND:", "Deployment", "FIELD:", "replicas", "<integer>"]),
            ("explain kustomization.spec.prune", &["KIND:", "Kustomization", "prune", "<boolean>"]),
            ("describe deploy web-app -n production", &["Name:", "web-app", "Replicas:", "3 desired", "RollingUpdate"]),
            ("auth can-i create deployments -n production", &["yes"]),
            ("version", &["Server Version: v1.37"]),
            ("cluster-info", &["Kubernetes control plane"]),
            ("get --raw /readyz", &["ok"]),
            ("get --raw /api/v1/namespaces/production", &["\"name\":\"production\""]),
        ],
    )
    .await;
    let ks = kubectl.ok(&format!("get ks -n {ns}")).await;
    for part in ["NAME", "AGE", "READY", "STATUS", "web-app-production", "True", "Applied revision: main@sha1:"] {
        assert!(ks.contains(part), "no `{part}` in:\n{ks}");
    }
    let sources = kubectl.ok(&format!("get gitrepo -n {ns}")).await;
    assert!(sources.contains("URL") && sources.contains("stored artifact for revision"), "{sources}");
    let events = kubectl.ok(&format!("events -n {ns}")).await;
    assert!(events.contains("Kustomization/web-app-production"), "{events}");
    let json: Value = serde_json::from_str(&kubectl.ok("get deploy -n production -o json").await).expect("JSON");
    assert_eq!(json["items"][0]["metadata"]["name"], "web-app");
    let denied = kubectl
        .run(&format!("auth can-i create deployments -n production --as=system:serviceaccount:{ns}:nobody"))
        .await;
    assert!(denied.out.contains("no") && denied.code == 1, "{denied:?}");
    let missing = kubectl.run("get deploy nothing -n production").await;
    assert_eq!(missing.err.trim(), "Error from server (NotFound): deployments.apps \"nothing\" not found");
    let unknown = kubectl.run("get gadgets").await;
    assert!(unknown.err.contains("the server doesn't have a resource type \"gadgets\""), "{unknown:?}");
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: typed\n  namespace: apps\ndata:\n  a: one\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing() {
    let Some((world, kubectl)) = example().await else { return };
    world.make_namespace("apps").await;
    let apply = async |args: &str, input: &str| {
        let args: Vec<&str> = args.split_whitespace().collect();
        kubectl.run_args(&args, input).await
    };
    let told = |output: sluice_tests::Output, says: &str| {
        assert!(output.code == 0 && output.out.trim() == says, "not `{says}`: {output:?}");
    };
    told(apply("apply -f -", MAP).await, "configmap/typed created");
    told(apply("apply -f -", MAP).await, "configmap/typed unchanged");
    let two = MAP.replace("one", "two");
    let diff = apply("diff -f -", &two).await;
    assert!(diff.code == 1 && diff.out.contains("-  a: one") && diff.out.contains("+  a: two"), "{diff:?}");
    assert_eq!(apply("diff -f -", MAP).await.code, 0);
    told(apply("apply -f - --dry-run=server", &two).await, "configmap/typed configured (server dry run)");
    told(apply("apply -f -", &two).await, "configmap/typed configured");
    told(apply("apply -f - --server-side --force-conflicts", MAP).await, "configmap/typed serverside-applied");
    let conflict = apply("apply -f - --server-side --field-manager=other", &two).await;
    assert!(
        conflict.code != 0 && conflict.err.contains("conflict") && conflict.err.contains(".data.a"),
        "{conflict:?}"
    );
    let strict = apply("apply -f -", &MAP.replace("\ndata:", "\ndat:")).await;
    assert!(strict.code != 0 && strict.err.contains("unknown field \"dat\""), "{strict:?}");
    told(apply("create -f -", &MAP.replace("typed", "made")).await, "configmap/made created");
    let again = apply("create -f -", &MAP.replace("typed", "made")).await;
    assert!(
        again.err.contains("AlreadyExists") && again.err.contains("configmaps \"made\" already exists"),
        "{again:?}"
    );
    check(
        &kubectl,
        &[
            ("label cm made -n apps tier=front", &["configmap/made labeled"]),
            ("annotate cm made -n apps note=a", &["configmap/made annotated"]),
            ("get cm -n apps -l tier=front -o name", &["configmap/made"]),
            (
                "patch cm made -n apps --type=json -p=[{\"op\":\"replace\",\"path\":\"/data/a\",\"value\":\"j\"}]",
                &["configmap/made patched"],
            ),
            ("patch cm made -n apps --type=merge -p={\"data\":{\"b\":\"m\"}}", &["configmap/made patched"]),
            (
                "patch deploy web-app -n production -p={\"spec\":{\"minReadySeconds\":1}}",
                &["deployment.apps/web-app patched"],
            ),
            ("get cm made -n apps -o jsonpath={.data}", &["{\"a\":\"j\",\"b\":\"m\"}"]),
            ("create namespace elsewhere", &["namespace/elsewhere created"]),
            ("create configmap literal -n elsewhere --from-literal=k=v", &["configmap/literal created"]),
            ("create deployment made -n elsewhere --image=a:1", &["deployment.apps/made created"]),
            ("delete cm made -n apps", &["configmap \"made\" deleted"]),
            ("delete namespace elsewhere", &["namespace \"elsewhere\" deleted"]),
        ],
    )
    .await;
    assert_eq!(kubectl.run("get ns elsewhere").await.code, 1);
    let edited = kubectl.ok("get cm typed -n apps -o yaml").await.replace("a: one", "a: edited");
    told(apply("replace -f -", &edited).await, "configmap/typed replaced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_out_and_waiting() {
    let Some((world, kubectl)) = example().await else { return };
    if !world.is_embedded() {
        return println!("skipped: the image of the example is nowhere to be pulled from");
    }
    check(
        &kubectl,
        &[
            ("rollout status deploy/web-app -n production --timeout=60s", &["successfully rolled out"]),
            ("scale deploy web-app -n production --replicas=4", &["deployment.apps/web-app scaled"]),
            (
                "wait deploy/web-app -n production --for=jsonpath={.status.readyReplicas}=4 --timeout=60s",
                &["condition met"],
            ),
            ("rollout restart deploy/web-app -n production", &["deployment.apps/web-app restarted"]),
            ("rollout status deploy/web-app -n production --timeout=60s", &["successfully rolled out"]),
            (
                "set image deploy/web-app web=ghcr.io/example/web-app:9 -n production",
                &["deployment.apps/web-app image updated"],
            ),
            ("rollout status deploy/web-app -n production --timeout=60s", &["successfully rolled out"]),
            ("rollout history deploy/web-app -n production", &["REVISION", "3"]),
            ("rollout undo deploy/web-app -n production", &["deployment.apps/web-app rolled back"]),
            ("wait deploy/web-app -n production --for=condition=Available --timeout=60s", &["condition met"]),
            ("get deploy web-app -n production -o jsonpath={..image}", &["web-app:1.4.2"]),
            ("get rs -n production -l app=web-app", &["DESIRED", "CURRENT"]),
            ("delete deploy web-app -n production --wait", &["deployment.apps \"web-app\" deleted"]),
            ("wait pods -n production -l app=web-app --for=delete --timeout=60s", &[]),
        ],
    )
    .await;
}
