//! Hostile repositories through the real controllers: each is refused or bounded, and the last good state stays
//! (SECURITY §2 A18, B26, B28, B30, C45, C46, E86, E88, E89, E91).

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::{PATIENCE, Repository, World, condition, eventually, inventory, stays};

fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: apps}}\ndata:\n  value: {value}\n")
}

/// A revision that must fail, in a folder of its own.
struct Case {
    name: &'static str,
    good: String,
    bad: String,
    reason: &'static str,
    says: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let long = |bytes: usize| "x".repeat(bytes);
    let nested = (0..1000).fold("{apiVersion: v1, kind: ConfigMap, metadata: {name: deep}}".to_owned(), |inner, _| {
        format!("{{apiVersion: v1, kind: List, items: [{inner}]}}")
    });
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: big, namespace: apps}}\nstringData: {{a: {}}}\n",
        long(1_100_000)
    );
    let annotations = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big, namespace: apps, annotations: {{a: {}}}}}\n",
        long(300_000)
    );
    let escapes = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"\\e[2Jgone\", namespace: apps}\ndata: {\"\\e]0;title\\a\": b}\n";
    let case = |name, bad, reason, says| Case { name, good: config_map(name, "good"), bad, reason, says };
    vec![
        case("lists-in-lists", nested, "BuildFailed", &["lists-in-lists/good.yaml", "limit"]),
        case("big-object", config_map("big", &long(1_700_000)), "ReconciliationFailed", &["ConfigMap/apps/big"]),
        case("big-secret", secret, "ReconciliationFailed", &["Secret/apps/big"]),
        case("big-annotations", annotations, "ReconciliationFailed", &["ConfigMap/apps/big", "metadata.annotations"]),
        case("escapes", escapes.to_owned(), "ReconciliationFailed", &["escapes/good.yaml"]),
        case(
            "null-list",
            "apiVersion: v1\nkind: List\nitems: [null, 1]\n".to_owned(),
            "BuildFailed",
            &["null-list/good.yaml"],
        ),
        case("scalar", "just words\n".to_owned(), "BuildFailed", &["scalar/good.yaml"]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_deep_too_big_or_odd_is_refused_by_name() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("hostile");
    let cases = cases();
    for case in &cases {
        repository.write(&format!("{}/good.yaml", case.name), &case.good);
        repository.write(&format!("{}/kustomization.yaml", case.name), "resources: [good.yaml]\n");
    }
    let first = repository.commit("Good");
    world.follow(&repository).await;
    for case in &cases {
        world.kustomization(case.name, &repository, &format!("./{}", case.name), json!({})).await;
    }
    for case in &cases {
        world.applied(case.name, &first).await;
    }
    for case in &cases {
        repository.write(&format!("{}/good.yaml", case.name), &case.bad);
    }
    repository.commit("Bad");
    world.fetch(&repository).await;
    let mut wrong = Vec::new();
    for case in &cases {
        let message = world.fails(case.name, case.reason).await;
        println!("{}: {}\n", case.name, message.chars().take(400).collect::<String>());
        wrong.extend(
            case.says.iter().filter(|part| !message.contains(**part)).map(|part| format!("{}: no `{part}`", case.name)),
        );
        if message.len() > 32 * 1024 || message.chars().any(|it| it.is_control() && it != '\n') {
            wrong.push(format!("{}: {} bytes, or control characters", case.name, message.len()));
        }
        if world.api.get("ConfigMap", "apps", case.name).await.is_none_or(|it| it["data"]["value"] != "good") {
            wrong.push(format!("{}: the last good object is gone", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let log = world.kustomize.log();
    assert!(!log.contains('\u{1b}') && !log.contains('\u{7}'), "a log cannot command a terminal");
    assert!(!log.contains("panicked"));
}

async fn source(world: &World, repository: &Repository, spec: Value) {
    let ns = world.namespace.as_str();
    world.api.patch("GitRepository", ns, repository.name(), json!({"spec": spec})).await;
    world.fetch(repository).await;
}

async fn artifact(world: &World, repository: &Repository) -> Value {
    let object = world.api.get("GitRepository", &world.namespace, repository.name()).await;
    object.map_or(Value::Null, |it| it["status"]["artifact"].clone())
}

/// Waits for a condition of a source; returns its message.
async fn told(world: &World, name: &str, kind: &str, reason: &str) -> String {
    eventually(format!("GitRepository {name} to say {kind} {reason}"), PATIENCE, async || {
        let object = world.api.get("GitRepository", &world.namespace, name).await.ok_or("it is gone")?;
        match condition(&object, kind) {
            (_, is, message) if is == reason => Ok(message),
            _ => Err(object["status"]["conditions"].to_string()),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_fails_or_shows_nothing_prunes_nothing() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("source");
    repository.write("deploy/a.yaml", &config_map("a", "one"));
    repository.write(".gitattributes", "*.bin filter=lfs\n*.txt filter=run\n");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    repository.write("deploy/large.bin", pointer);
    let first = repository.commit("Good");
    world.follow(&repository).await;
    world.kustomization("app", &repository, "./deploy", json!({})).await;
    world.applied("app", &first).await;
    let good = artifact(&world, &repository).await;
    let still_good = async || {
        let there = world.api.get("ConfigMap", "apps", "a").await.is_some();
        let same = artifact(&world, &repository).await["digest"] == good["digest"];
        if there && same { Ok(()) } else { Err(format!("object there: {there}, artifact the same: {same}")) }
    };

    // A signature that nobody checks is no signature.
    let verify = json!({"verify": {"mode": "HEAD", "secretRef": {"name": "keys"}}});
    source(&world, &repository, verify).await;
    let message = told(&world, "source", "Ready", "VerificationError").await;
    assert!(message.contains("spec.verify"), "{message}");
    still_good().await.expect("what was good is served on");
    source(&world, &repository, json!({"verify": null})).await;
    told(&world, "source", "Ready", "Succeeded").await;

    // A branch that is gone, a tag that never was.
    for reference in
        [json!({"branch": "gone"}), json!({"branch": null, "tag": "none"}), json!({"tag": null, "semver": ">=1"})]
    {
        source(&world, &repository, json!({"ref": reference})).await;
        let message = told(&world, "source", "Ready", "GitOperationFailed").await;
        println!("{message}");
        still_good().await.expect("a reference that is gone empties nothing");
    }
    source(&world, &repository, json!({"ref": {"semver": null, "branch": "main"}})).await;
    told(&world, "source", "Ready", "Succeeded").await;

    // Somebody pushes an older commit with force: it is followed.
    repository.write("deploy/b.yaml", &config_map("b", "one"));
    let second = repository.commit("One more");
    world.fetch(&repository).await;
    world.applied("app", &second).await;
    repository.git(&["reset", "-q", "--hard", "HEAD~1"]);
    repository.git(&["push", "-q", "--force", "origin", "HEAD:main"]);
    world.fetch(&repository).await;
    world.applied("app", &first).await;
    world.gone("ConfigMap", "apps", "b").await;

    // All files ignored: an artifact without files is no wish to delete everything.
    let whole = artifact(&world, &repository).await;
    source(&world, &repository, json!({"ignore": "/*"})).await;
    eventually("an artifact without files", PATIENCE, async || {
        let now = artifact(&world, &repository).await;
        if now["digest"] == whole["digest"] { Err(now.to_string()) } else { Ok(()) }
    })
    .await;
    // The revision is the same, so nothing but a request, or the interval, makes it look.
    world.request("Kustomization", "app").await;
    let message = world.fails("app", "ArtifactFailed").await;
    assert!(message.contains("deploy"), "{message}");
    assert!(world.api.get("ConfigMap", "apps", "a").await.is_some(), "nothing is pruned");
    assert_eq!(inventory(&world.get_kustomization("app").await["status"]).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repositories_that_include_each_other_are_told_so_and_grow_no_artifact() {
    let world = World::start().await;
    let (one, two) = (world.repository("one"), world.repository("two"));
    for it in [&one, &two] {
        it.write("file.txt", it.name());
        it.commit("A file");
        world.follow(it).await;
    }
    for it in [&one, &two] {
        told(&world, it.name(), "Ready", "Succeeded").await;
    }
    source(&world, &one, json!({"include": [{"repository": {"name": "two"}}]})).await;
    told(&world, "one", "Ready", "Succeeded").await;
    source(&world, &two, json!({"include": [{"repository": {"name": "one"}}]})).await;
    let message = told(&world, "two", "Ready", "IncludeCycle").await;
    assert!(message.contains("two > one > two"), "{message}");
    let before = artifact(&world, &two).await;
    stays("the artifact", Duration::from_millis(1000), async || {
        let now = artifact(&world, &two).await;
        if now["digest"] == before["digest"] { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    source(&world, &one, json!({"include": [{"repository": {"name": "one"}}]})).await;
    eventually("one to be told of itself", PATIENCE, async || {
        let message = told(&world, "one", "Ready", "IncludeCycle").await;
        if message.contains("one > one ") { Ok(()) } else { Err(message) }
    })
    .await;
    assert!(!world.source.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_that_are_missing_are_an_error_unless_optional() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("variables");
    repository.write("deploy/a.yaml", &config_map("a", "${value:=fallback}"));
    let revision = repository.commit("A variable");
    world.follow(&repository).await;
    let from = |optional: bool| json!({"postBuild": {"substitute": {"other": "x"}, "substituteFrom": [{"kind": "Secret", "name": "none", "optional": optional}]}});
    world.kustomization("app", &repository, "./deploy", from(false)).await;
    let message = world.fails("app", "BuildFailed").await;
    assert!(message.contains("Secret") && message.contains("none"), "{message}");
    world.kustomization("app", &repository, "./deploy", from(true)).await;
    world.applied("app", &revision).await;
    world.object("to have the fallback", ("ConfigMap", "apps", "a"), |it| it["data"]["value"] == "fallback").await;
    // The Secret's arrival alone wakes the pass.
    world.secret("none", &[("value", "from-a-secret")]).await;
    world.object("to have the value", ("ConfigMap", "apps", "a"), |it| it["data"]["value"] == "from-a-secret").await;

    let more = json!({"images": [{"name": "", "newTag": "x"}], "components": ["../../../other"]});
    world.kustomization("app", &repository, "./deploy", more).await;
    let message = world.fails("app", "BuildFailed").await;
    println!("{message}");
    let live = world.object("to be as it was", ("ConfigMap", "apps", "a"), |_| true).await;
    assert_eq!(live["data"]["value"], "from-a-secret");
}
