//! What is wrong in Git is told at once and in full, and changes nothing (SECURITY §2 A to C, G4 to G6).

use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::{PASSWORD, Repository, World, condition, eventually, inventory, stays};

/// A revision that must fail, in a folder of its own.
struct Case {
    name: &'static str,
    /// What replaces the good files; `kustomization.yaml` is written when it is not among them.
    files: &'static [(&'static str, &'static str)],
    reason: &'static str,
    /// What the message has to say.
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "broken-yaml",
        files: &[("good.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [unfinished\n")],
        reason: "BuildFailed",
        says: &["broken-yaml/good.yaml:"],
    },
    Case {
        name: "missing-resource",
        files: &[("kustomization.yaml", "resources:\n- good.yaml\n- missing.yaml\n- ../nowhere\n")],
        reason: "BuildFailed",
        says: &[
            "missing-resource/kustomization.yaml:3",
            "missing.yaml",
            "missing-resource/kustomization.yaml:4",
            "nowhere",
        ],
    },
    Case {
        name: "all-at-once",
        files: &[
            ("kustomization.yaml", "resources:\n- good.yaml\n- missing.yaml\n- broken.yaml\n"),
            ("broken.yaml", "apiVersion: v1\nkind: ConfigMap\n  metadata: {}\n"),
        ],
        reason: "BuildFailed",
        says: &["missing.yaml", "all-at-once/broken.yaml:"],
    },
    Case {
        name: "duplicate-key",
        files: &[("good.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\ndata: {c: d}\n")],
        reason: "BuildFailed",
        says: &["duplicate-key/good.yaml:", "data"],
    },
    Case {
        name: "invalid-objects",
        files: &[(
            "good.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: wrong, namespace: apps}\nspec:\n  replicas: -1\n  \
             selector: {matchLabels: {app: a}}\n  template: {metadata: {labels: {app: b}}, spec: {containers: [{name: a, \
             image: a}]}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: wrong, namespace: apps}\nspec: {ports: \
             [{port: 70000}]}\n",
        )],
        reason: "ReconciliationFailed",
        says: &[
            "invalid-objects/good.yaml:1: Deployment/apps/wrong",
            "spec.replicas",
            "invalid-objects/good.yaml:9: Service/apps/wrong",
            "spec.ports[0].port",
        ],
    },
    Case {
        name: "unknown-kind",
        files: &[("good.yaml", "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: wrong, namespace: apps}\n")],
        reason: "ReconciliationFailed",
        says: &["Gadget/apps/wrong", "example.com/v1", "CustomResourceDefinition"],
    },
    Case {
        name: "missing-namespace",
        files: &[(
            "good.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lost, namespace: nowhere-to-be-found}\n",
        )],
        reason: "ReconciliationFailed",
        says: &["ConfigMap/nowhere-to-be-found/lost", "nowhere-to-be-found"],
    },
    Case {
        name: "bad-name",
        files: &[("good.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name, namespace: apps}\n")],
        reason: "ReconciliationFailed",
        says: &["Not_A_Name", "metadata.name"],
    },
    Case {
        name: "nameless",
        files: &[("good.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: apps}\ndata: {a: b}\n")],
        reason: "BuildFailed",
        says: &["nameless/good.yaml", "name"],
    },
    Case {
        name: "outside",
        files: &[("kustomization.yaml", "resources:\n- good.yaml\n- ../../../../etc\n")],
        reason: "BuildFailed",
        says: &["outside/kustomization.yaml:3", "etc"],
    },
    Case {
        name: "cycle",
        files: &[
            ("kustomization.yaml", "resources: [good.yaml, inner]\n"),
            ("inner/kustomization.yaml", "resources: [..]\n"),
        ],
        reason: "BuildFailed",
        says: &["cycle"],
    },
    Case {
        name: "alias-bomb",
        files: &[(
            "good.yaml",
            "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d \
             [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f \
             [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
        )],
        reason: "BuildFailed",
        says: &["alias-bomb/good.yaml"],
    },
    Case {
        name: "remote-exec",
        files: &[("kustomization.yaml", "resources:\n- good.yaml\n- git::ext::sh -c id\n")],
        reason: "BuildFailed",
        says: &["remote-exec/kustomization.yaml:3"],
    },
];

fn good(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: apps}}\ndata: {{state: good}}\n")
}

fn write_good(repository: &Repository, name: &str) {
    repository.write(&format!("{name}/good.yaml"), &good(name));
    repository.write(&format!("{name}/kustomization.yaml"), "resources:\n- good.yaml\n");
}

/// That a Kustomization is in the state of the good revision, whatever its conditions say.
async fn is_good(world: &World, name: &str, revision: &str) -> Result<(), String> {
    let object = world.get_kustomization(name).await;
    let map = world.api.get("ConfigMap", "apps", name).await;
    if map.as_ref().is_none_or(|it| it["data"]["state"] != "good") {
        return Err(format!("{name}: the object is {map:?}"));
    }
    if object["status"]["lastAppliedRevision"] != revision {
        return Err(format!("{name}: {}", object["status"]));
    }
    if !inventory(&object["status"]).contains(&sluice_tests::id("apps", name, "ConfigMap")) {
        return Err(format!("{name}: not in the inventory: {}", object["status"]));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_in_full_and_changes_nothing() {
    let mut world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("bad-input");
    for name in CASES.iter().map(|it| it.name).chain(["bystander"]) {
        write_good(&repository, name);
    }
    let first = repository.commit("All good");
    world.follow(&repository).await;
    for name in CASES.iter().map(|it| it.name).chain(["bystander"]) {
        world.kustomization(name, &repository, &format!("./{name}"), json!({})).await;
    }
    for name in CASES.iter().map(|it| it.name).chain(["bystander"]) {
        world.applied(name, &first).await;
    }
    for case in CASES {
        for (file, content) in case.files {
            repository.write(&format!("{}/{file}", case.name), content);
        }
    }
    repository.write("bystander/more.yaml", &good("bystander-more"));
    repository.write("bystander/kustomization.yaml", "resources:\n- good.yaml\n- more.yaml\n");
    let bad = repository.commit("All bad");
    world.fetch(&repository).await;
    // Nobody waits for the failures of others.
    world.applied("bystander", &bad).await;
    let mut wrong = Vec::new();
    for case in CASES {
        let message = world.fails(case.name, case.reason).await;
        let missing: Vec<_> = case.says.iter().filter(|part| !message.contains(**part)).collect();
        println!("{}: {message}\n", case.name);
        if !missing.is_empty() {
            wrong.push(format!("{}: no {missing:?} in: {message}", case.name));
        }
        let told = message.len() <= 32 * 1024 && !message.chars().any(|it| it.is_control() && it != '\n');
        if !told {
            wrong.push(format!("{}: {} bytes, or control characters", case.name, message.len()));
        }
        wrong.extend(is_good(&world, case.name, &first).await.err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A fresh process knows no better.
    world.kustomize.kill();
    world.kustomize.start();
    for case in CASES {
        world.request("Kustomization", case.name).await;
    }
    stays("the last good state", Duration::from_millis(1500), async || {
        for case in CASES {
            is_good(&world, case.name, &first).await?;
        }
        Ok(())
    })
    .await;
    let fixed = repository.revert();
    world.fetch(&repository).await;
    for case in CASES {
        let object = world.applied(case.name, &fixed).await;
        assert_eq!(inventory(&object["status"]).len(), 1, "{}", case.name);
    }
    assert!(world.kustomize.is_running() && world.source.is_running());
    assert!(!world.kustomize.log().contains("panicked"), "a panic is a bug, whatever the input");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_not_empty() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("missing");
    write_good(&repository, "app");
    let revision = repository.commit("Good");
    world.follow(&repository).await;
    world.kustomization("app", &repository, "./app", json!({})).await;
    world.applied("app", &revision).await;
    let (ns, path) = (world.namespace.as_str(), json!({"spec": {"path": "./elsewhere"}}));

    world.api.patch("Kustomization", ns, "app", path).await;
    let message = world.fails("app", "ArtifactFailed").await;
    assert!(message.contains("./elsewhere"), "{message}");
    is_good(&world, "app", &revision).await.expect("a missing path prunes nothing");

    world.api.patch("Kustomization", ns, "app", json!({"spec": {"path": "./app"}})).await;
    world.applied("app", &revision).await;
    repository.remove("app");
    repository.write("readme.md", "nothing here\n");
    let empty = repository.commit("The folder is gone");
    world.fetch(&repository).await;
    eventually("the folder's end to be told", sluice_tests::PATIENCE, async || {
        let object = world.get_kustomization("app").await;
        match condition(&object, "Ready") {
            (_, reason, message)
                if reason == "ArtifactFailed" && object["status"]["lastAppliedRevision"] != empty.as_str() =>
            {
                Ok(message)
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    is_good(&world, "app", &revision).await.expect("a folder that is gone prunes nothing");

    // A kustomization that lists nothing is another matter: somebody wrote that, and it is done, as Flux does it.
    repository.write("app/kustomization.yaml", "resources: []\n");
    let nothing = repository.commit("Nothing, on purpose");
    world.fetch(&repository).await;
    let object = world.applied("app", &nothing).await;
    assert_eq!(inventory(&object["status"]).len(), 0);
    world.gone("ConfigMap", "apps", "app").await;
    write_good(&repository, "app");
    let revision = repository.commit("Good again");
    world.fetch(&repository).await;
    world.applied("app", &revision).await;

    world.api.delete("GitRepository", ns, "missing").await;
    world.gone("GitRepository", ns, "missing").await;
    world.request("Kustomization", "app").await;
    eventually("the source's end to be told", sluice_tests::PATIENCE, async || {
        let object = world.get_kustomization("app").await;
        let message = condition(&object, "Ready").2;
        if message.contains("'flux-system/missing' not found") || message.contains("/missing' not found") {
            Ok(())
        } else {
            Err(message)
        }
    })
    .await;
    is_good(&world, "app", &revision).await.expect("a missing source prunes nothing");
}

/// Values that must be seen nowhere but in the Secrets that hold them.
const CANARIES: &[&str] =
    &[PASSWORD, "canary-manifest-77b0aa31", "canary-variable-5e21c9d4", "canary-wrong-password-90ab"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_secret_holds_is_told_nowhere() {
    let world = World::start().await;
    world.make_namespace("apps").await;
    let repository = world.repository("canary");
    let secret = |name: &str, rest: &str| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: apps}}\n{rest}\n")
    };
    // Good first, so that changes of it are told of too.
    repository.write("applied/secret.yaml", &secret("applied", "stringData: {key: canary-manifest-77b0aa31}"));
    repository.write("no-base64/secret.yaml", &secret("no-base64", "data: {key: canary-manifest-77b0aa31}"));
    repository.write("wrong-type/secret.yaml", &secret("wrong-type", "stringData: {key: [canary-manifest-77b0aa31]}"));
    repository.write("unknown-field/secret.yaml", &secret("unknown-field", "dat: {key: canary-manifest-77b0aa31}"));
    repository.write("immutable/secret.yaml", &secret("immutable", "immutable: true\nstringData: {key: first}"));
    repository.write("substituted/map.yaml", &good("substituted").replace("{state: good}", "\n  state: ${VALUE}"));
    let first = repository.commit("Start");
    world.secret("variables", &[("VALUE", "canary-variable-5e21c9d4: [")]).await;
    world.secret("wrong-credentials", &[("username", "fetcher"), ("password", "canary-wrong-password-90ab")]).await;
    world.follow(&repository).await;
    for name in ["applied", "no-base64", "wrong-type", "unknown-field", "immutable"] {
        world.kustomization(name, &repository, &format!("./{name}"), json!({})).await;
    }
    let from = json!({"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "variables"}]}});
    world.kustomization("substituted", &repository, "./substituted", from).await;
    world.applied("applied", &first).await;
    world.applied("immutable", &first).await;
    repository.write(
        "immutable/secret.yaml",
        &secret("immutable", "immutable: true\nstringData: {key: canary-manifest-77b0aa31}"),
    );
    repository.edit("applied/secret.yaml", "{key:", "{more: even-more, key:");
    let second = repository.commit("Changes of Secrets");
    world.fetch(&repository).await;
    world.applied("applied", &second).await;
    for (name, reason) in [
        ("no-base64", "ReconciliationFailed"),
        ("wrong-type", "ReconciliationFailed"),
        ("immutable", "ReconciliationFailed"),
        ("substituted", "BuildFailed"),
    ] {
        println!("{name}: {}\n", world.fails(name, reason).await);
    }
    world
        .api
        .patch(
            "GitRepository",
            &world.namespace,
            "canary",
            json!({"spec": {"secretRef": {"name": "wrong-credentials"}}}),
        )
        .await;
    world.fetch(&repository).await;
    let at = ("GitRepository", world.namespace.as_str(), "canary");
    let object = world.object("to be refused", at, |it| condition(it, "Ready").0 == "False").await;
    println!("source: {:?}", condition(&object, "Ready"));

    let mut told: Vec<(String, String)> = vec![
        ("log of source-controller".into(), world.source.log()),
        ("log of kustomize-controller".into(), world.kustomize.log()),
    ];
    for kind in ["Event", "Kustomization", "GitRepository"] {
        let text = |it: &Value| it.to_string();
        told.push((kind.to_owned(), world.api.list(kind, "").await.iter().map(text).collect::<Vec<_>>().join("\n")));
    }
    assert!(told[2].1.contains("Secret/apps/applied"), "events tell of the change: {}", told[2].1);
    for (place, text) in &told {
        for canary in CANARIES {
            for form in forms(canary) {
                assert!(!text.contains(&form), "{place} holds `{form}`:\n{text}");
            }
        }
    }
}

/// A value as it is, in base64 at each of the three offsets, and its parts of eight bytes.
fn forms(value: &str) -> Vec<String> {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
    let whole = value.len() / 3 * 3;
    let mut forms = vec![value.to_owned()];
    forms.extend((0..3).map(|offset| encode(&value.as_bytes()[offset..offset + whole - 6])));
    // The last parts alone: the first ones say `canary` in test names too.
    let tail = &value[value.len() - 8..];
    forms.push(tail.to_owned());
    forms
}
