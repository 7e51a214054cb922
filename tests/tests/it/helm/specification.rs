//! What a HelmRelease can say beside its chart: dependencies, values, drift, targets, accounts, changes after rendering.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::{PATIENCE, condition, eventually, helm_release, stays};

use super::{Stage, is_ready};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_waits_for_what_it_depends_on() {
    let stage = Stage::start().await;
    let (world, ns) = (&stage.world, stage.world.namespace.as_str());
    stage.release(json!({"dependsOn": [{"name": "base"}]})).await;
    let object = stage.becomes("waiting", |it| condition(it, "Ready").1 == "DependencyNotReady").await;
    assert!(condition(&object, "Ready").2.contains("'flux-system/base'"), "{object}");
    assert_eq!(stage.records().await, []);
    // It starts when its dependency is ready, not at the next look, which is half a minute away.
    let base = json!({"targetNamespace": "apps", "releaseName": "base"});
    world.api.apply(&helm_release(world, "base", "web", &base)).await;
    let base = eventually("the dependency to be ready", PATIENCE, async || {
        let object = world.api.get("HelmRelease", ns, "base").await.unwrap_or_default();
        if is_ready(&object, 1) { Ok(object) } else { Err(object["status"].to_string()) }
    })
    .await;
    let object = stage.ready(1).await;
    let deployed = |it: &Value| it["status"]["history"][0]["firstDeployed"].as_str().unwrap_or_default().to_owned();
    assert!(deployed(&base) <= deployed(&object), "{base} {object}");
    // An expression of one's own decides in place of the conditions.
    let depends = |expression: &str| json!({"dependsOn": [{"name": "base", "readyExpr": expression}]});
    stage.release(depends("dep.status.history[0].chartVersion == '2.0.0'")).await;
    stage.becomes("waiting again", |it| condition(it, "Ready").1 == "DependencyNotReady").await;
    stage.release(depends("dep.metadata.name == 'base'")).await;
    stage.ready(1).await;
    stage.release(depends("dep.")).await;
    stage.stalled("InvalidCELExpression").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_come_from_objects_and_their_changes_make_one_revision() {
    let stage = Stage::start().await;
    let (world, ns) = (&stage.world, stage.world.namespace.as_str());
    let values = |text: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values", "namespace": ns},
               "data": {"values.yaml": text}})
    };
    let from = json!({"valuesFrom": [
        {"kind": "ConfigMap", "name": "values"},
        {"kind": "Secret", "name": "secret", "valuesKey": "the-value", "targetPath": "value", "optional": true},
    ]});
    stage.release(from.clone()).await;
    let object = stage.becomes("without its values", |it| condition(it, "Ready").1 == "ValuesError").await;
    assert!(condition(&object, "Ready").2.contains("ConfigMap 'flux-system/values'"), "{object}");
    world.api.apply(&values("value: from-the-map\nother: 1\n")).await;
    stage.ready(1).await;
    assert_eq!(stage.value().await, "from-the-map");
    // Both change: one release, and no label has to ask for it.
    world.api.apply(&values("value: changed\nother: 2\n")).await;
    world.secret("secret", &[("the-value", "from-the-secret")]).await;
    stage.ready(2).await;
    assert_eq!(stage.value().await, "from-the-secret");
    assert_eq!(stage.stored().await[1]["config"], json!({"other": 2, "value": "from-the-secret"}));
    stays("the release", Duration::from_millis(1500), async || {
        let records = stage.records().await;
        if records.len() == 2 { Ok(()) } else { Err(format!("{records:?}")) }
    })
    .await;
    // What is no YAML is told by place, never by content.
    world.api.apply(&values("value: swordfish\n  x: [")).await;
    let object = stage.becomes("refused", |it| condition(it, "Ready").1 == "ValuesError").await;
    assert!(!object["status"].to_string().contains("swordfish"), "{object}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_left_alone_where_that_is_wanted() {
    let stage = Stage::start().await;
    let (world, ns) = (&stage.world, stage.world.namespace.clone());
    let drift =
        |mode: &str| json!({"mode": mode, "ignore": [{"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}]});
    stage.release(json!({"driftDetection": drift("enabled")})).await;
    stage.ready(1).await;
    // A field that is ignored, beside one that is not, which tells that the pass has been.
    world.api.patch("Deployment", "apps", "web", json!({"spec": {"replicas": 3}})).await;
    world.api.patch("ConfigMap", "apps", "web", json!({"data": {"value": "edited"}})).await;
    world.object("to be corrected", ("ConfigMap", "apps", "web"), |it| it["data"]["value"] == "one").await;
    let live = world.api.get("Deployment", "apps", "web").await.expect("it is there");
    assert_eq!(live["spec"]["replicas"], 3);
    let label = json!({"metadata": {"annotations": {"helm.toolkit.fluxcd.io/driftDetection": "disabled"}}});
    let files = [(
        "templates/free.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: free\n  annotations: {helm.toolkit.fluxcd.io/driftDetection: disabled}\ndata: {a: b}\n",
    )];
    stage.publish("1.1.0", &files).await;
    stage.ready(2).await;
    assert_eq!(
        world.api.get("ConfigMap", "apps", "free").await.expect("it is new")["metadata"]["annotations"]["helm.toolkit.fluxcd.io/driftDetection"],
        label["metadata"]["annotations"]["helm.toolkit.fluxcd.io/driftDetection"]
    );
    world.api.patch("ConfigMap", "apps", "free", json!({"data": {"a": "edited"}})).await;
    world.api.patch("ConfigMap", "apps", "web", json!({"data": {"value": "edited"}})).await;
    world.object("to be corrected", ("ConfigMap", "apps", "web"), |it| it["data"]["value"] == "one").await;
    assert_eq!(world.api.get("ConfigMap", "apps", "free").await.expect("it is left")["data"]["a"], "edited");
    // In the mode `warn` it is told and left; of a Secret only where, never what.
    stage.release(json!({"driftDetection": drift("warn")})).await;
    stage.ready(2).await;
    world.api.patch("Secret", "apps", "web", json!({"stringData": {"value": "swordfish"}})).await;
    let object = stage.becomes("drifted", |it| condition(it, "Drifted").0 == "True").await;
    assert!(condition(&object, "Drifted").2.contains("Secret/apps/web changed"), "{object}");
    let told = json!([object["status"], world.api.list("Event", &ns).await]).to_string();
    assert!(!told.contains("swordfish") && !told.contains("c3dvcmRmaXNo"), "{told}");
    assert_eq!(condition(&object, "Ready").0, "True", "what drifted is released all the same");
    let live = world.api.get("Secret", "apps", "web").await.expect("it is there");
    assert_eq!(live["data"]["value"], "c3dvcmRmaXNo");
    // And by whoever turns the mode back, it is put right without a revision.
    stage.release(json!({"driftDetection": drift("enabled")})).await;
    world.object("to be corrected", ("Secret", "apps", "web"), |it| it["data"]["value"] == "b25l").await;
    assert_eq!(stage.records().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_name_or_namespace_is_another_release() {
    let stage = Stage::start().await;
    let world = &stage.world;
    world.make_namespace("elsewhere").await;
    stage.release(json!({})).await;
    stage.ready(1).await;
    stage.release(json!({"releaseName": "other"})).await;
    stage.becomes("the other release", |it| is_ready(it, 1) && it["status"]["history"][0]["name"] == "other").await;
    world.gone("Deployment", "apps", "web").await;
    world.object("to be there", ("Deployment", "apps", "other"), |_| true).await;
    stage
        .release(json!({"releaseName": "other", "targetNamespace": "elsewhere", "storageNamespace": "elsewhere"}))
        .await;
    stage.becomes("elsewhere", |it| is_ready(it, 1) && it["status"]["storageNamespace"] == "elsewhere").await;
    world.gone("Deployment", "apps", "other").await;
    world.object("to be there", ("Deployment", "elsewhere", "other"), |_| true).await;
    assert_eq!(stage.records().await, [], "none is left where the records were");
    assert!(world.api.get("Secret", "elsewhere", "sh.helm.release.v1.other.v1").await.is_some());
}

const CRD: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, description: DESCRIPTION, x-kubernetes-preserve-unknown-fields: true}}
";
const WIDGET: &str = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 1}\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_come_before_what_needs_them_and_stay() {
    let stage = Stage::start().await;
    let (world, ns) = (&stage.world, stage.world.namespace.clone());
    let crd = |description: &str| CRD.replace("DESCRIPTION", description);
    let at = ("CustomResourceDefinition", "", "widgets.example.com");
    let described =
        |it: &Value, want: &str| it["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] == want;
    stage.publish("1.0.0", &[("crds/w.yaml", &crd("first")), ("templates/w.yaml", WIDGET)]).await;
    stage.release(json!({})).await;
    let object = stage.ready(1).await;
    let listed = object["status"]["inventory"]["entries"].to_string();
    assert!(listed.contains("_widgets.example.com_apiextensions.k8s.io_CustomResourceDefinition"), "{listed}");
    let live = world.object("to be there", at, |it| described(it, "first")).await;
    assert_eq!(live["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"], "web", "{live}");
    // The default creates what is not there, and nothing else.
    stage.publish("1.1.0", &[("crds/w.yaml", &crd("second")), ("templates/w.yaml", WIDGET)]).await;
    stage.ready(2).await;
    assert!(described(&world.api.get(at.0, at.1, at.2).await.expect("it is there"), "first"));
    stage.release(json!({"upgrade": {"crds": "CreateReplace"}})).await;
    stage.ready(2).await;
    stage.publish("1.2.0", &[("crds/w.yaml", &crd("third")), ("templates/w.yaml", WIDGET)]).await;
    stage.ready(3).await;
    world.object("to be replaced", at, |it| described(it, "third")).await;
    world.api.delete("HelmRelease", &ns, "web").await;
    world.gone("HelmRelease", &ns, "web").await;
    assert!(world.api.get(at.0, at.1, at.2).await.is_some(), "a definition outlives its release");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_made_as_the_account_it_names() {
    let stage = Stage::start().await;
    if !stage.world.is_embedded() {
        return;
    }
    let (world, ns) = (&stage.world, stage.world.namespace.clone());
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "team", "namespace": ns}});
    world.api.apply(&account).await;
    stage.release(json!({"serviceAccountName": "team"})).await;
    let refused = |it: &Value| condition(it, "Ready").2.contains("system:serviceaccount:flux-system:team");
    let object = stage.becomes("refused", refused).await;
    assert_eq!(condition(&object, "Ready").0, "False");
    assert!(world.api.get("ConfigMap", "apps", "web").await.is_none());
    for namespace in ["apps", &ns] {
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "team", "namespace": namespace},
            "rules": [{"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["*"]}]});
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "team", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "team"},
            "subjects": [{"kind": "ServiceAccount", "name": "team", "namespace": ns}]});
        world.api.apply(&role).await;
        world.api.apply(&binding).await;
    }
    stage.ask(&[]).await;
    stage.ready(1).await;
    // What its rights do not cover is refused, and the release says so.
    let outside = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs, namespace: default}\n";
    stage.publish("1.1.0", &[("templates/outside.yaml", outside)]).await;
    let object = stage.becomes("refused", |it| condition(it, "Ready").1 == "UpgradeFailed").await;
    assert!(condition(&object, "Ready").2.contains("team"), "{object}");
    assert!(world.api.get("ConfigMap", "default", "theirs").await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rendered_can_be_changed_before_it_is_released() {
    let stage = Stage::start().await;
    let world = &stage.world;
    let hook =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: late\n  annotations: {helm.sh/hook: post-install}\n";
    stage.publish("1.0.0", &[("templates/hook.yaml", hook)]).await;
    let patch = "- op: replace\n  path: /data/value\n  value: patched\n";
    // A hook may be made another one: here it runs before, in place of after.
    let early = "- op: replace\n  path: /metadata/annotations/helm.sh~1hook\n  value: pre-install\n";
    let spec = json!({
        "commonMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
        "postRenderers": [{"kustomize": {
            "patches": [
                {"target": {"kind": "ConfigMap", "name": "web"}, "patch": patch},
                {"target": {"kind": "ConfigMap", "name": "late"}, "patch": early},
            ],
            "images": [{"name": "app", "newName": "mirror/app", "newTag": "2"}],
        }}],
    });
    stage.release(spec.clone()).await;
    stage.ready(1).await;
    assert_eq!(stage.value().await, "patched");
    let live = world.api.get("Deployment", "apps", "web").await.expect("it is there");
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "mirror/app:2");
    assert_eq!(
        (&live["metadata"]["labels"]["team"], &live["metadata"]["annotations"]["note"]),
        (&json!("a"), &json!("b"))
    );
    let hooks = stage.stored().await[0]["hooks"].clone();
    assert_eq!(hooks[0]["events"], json!(["pre-install"]), "{hooks}");
    // Other metadata alone is another revision.
    let mut other = spec;
    other["commonMetadata"]["labels"]["team"] = "c".into();
    stage.release(other).await;
    stage.ready(2).await;
    world
        .object("to be the other team's", ("ConfigMap", "apps", "web"), |it| it["metadata"]["labels"]["team"] == "c")
        .await;
}
