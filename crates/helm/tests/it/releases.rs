//! Stored releases: read, written, and refused when they are not what they should be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sluice_helm::release::{Record, Status, StoreError, secret_name};
use sluice_helm::{Capabilities, Chart, Limits, Release, RenderOptions, render};
use sluice_tree::{Limits as TreeLimits, TreeBuilder};

const LIMIT: usize = 16 << 20;

/// As Helm 4.3 stored it (its texts shortened), with a field that no version has yet.
fn stored() -> Value {
    json!({
        "name": "web",
        "info": {
            "first_deployed": "2026-11-24T13:58:30.710002305Z",
            "last_deployed": "2026-11-24T13:58:31.189964267Z",
            "deleted": "",
            "description": "Upgrade complete",
            "status": "deployed",
            "notes": "Visit <http://web>\n"
        },
        "chart": {
            "metadata": {
                "name": "web", "version": "1.0.0", "apiVersion": "v2",
                "dependencies": [{ "name": "db", "version": "1", "repository": "", "import-values": ["data"] }]
            },
            "lock": null,
            "templates": [{ "name": "templates/a.yaml", "data": "YTogMQo=", "modtime": "2026-11-24T13:04:06.6Z" }],
            "values": { "replicas": 1, "ratio": 1.5, "big": 12345678901_i64 },
            "schema": null,
            "schemamodtime": "0001-01-01T00:00:00Z",
            "files": null,
            "modtime": "2026-11-24T13:04:06Z"
        },
        "config": { "replicas": 3 },
        "manifest": "---\n# Source: web/templates/a.yaml\na: 1\n",
        "hooks": [{
            "name": "t", "kind": "Pod", "path": "web/templates/t.yaml", "manifest": "kind: Pod\n", "events": ["test"],
            "last_run": { "phase": "" }, "weight": -5, "delete_policies": ["hook-succeeded"]
        }],
        "version": 2,
        "namespace": "apps",
        "apply_method": "ssa",
        "future": { "field": [1, "x"] }
    })
}

fn packed(value: &Value) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, value.to_string().as_bytes()).unwrap();
    STANDARD.encode(packer.finish().unwrap()).into_bytes()
}

fn secret(name: &str, version: &str, data: &[u8]) -> Value {
    json!({
        "metadata": { "name": name, "labels": { "name": "web", "version": version, "owner": "helm", "team": "a" } },
        "type": "helm.sh/release.v1",
        "data": { "release": STANDARD.encode(data) }
    })
}

#[test]
fn a_record_that_is_read_and_written_loses_nothing() {
    let record = Record::decode(&packed(&stored()), LIMIT).unwrap();
    assert_eq!(record.status(), Status::Deployed);
    assert_eq!(serde_json::to_value(&record).unwrap(), stored());
    let again = Record::decode(&record.encode().unwrap(), LIMIT).unwrap();
    assert_eq!(again, record);
}

#[test]
fn a_secret_is_helms() {
    let data = packed(&stored());
    let record = Record::from_secret(&secret("sh.helm.release.v1.web.v2", "2", &data), LIMIT).unwrap();
    assert_eq!(record.labels.get("team").map(String::as_str), Some("a"));
    let made = record.to_secret("apps", 1_795_528_711, false).unwrap();
    let labels = json!({
        "name": "web", "owner": "helm", "status": "deployed", "version": "2", "modifiedAt": "1795528711", "team": "a"
    });
    assert_eq!(made["metadata"]["labels"], labels);
    assert_eq!(made["metadata"]["name"], secret_name("web", 2));
    assert_eq!(Record::from_secret(&made, LIMIT).unwrap(), record);
}

#[test]
fn damaged_records_are_refused() {
    let data = packed(&stored());
    let canary = "c4n4ry";
    for (bytes, why) in [
        (b"%%%".to_vec(), "no base64"),
        (STANDARD.encode([0x1f, 0x8b, 0x08, 1, 2, 3]).into_bytes(), "no gzip"),
        (data[..data.len() / 8 * 4].to_vec(), "no gzip"),
        (STANDARD.encode(format!("{{\"name\": {canary}")).into_bytes(), "no release in JSON"),
        (packed(&json!({ "name": [canary] })), "no release in JSON"),
        (STANDARD.encode("[".repeat(100_000)).into_bytes(), "no release in JSON"),
    ] {
        let error = Record::decode(&bytes, LIMIT).unwrap_err();
        assert!(matches!(&error, StoreError::Damaged(text) if text.contains(why)), "{why}: {error}");
        assert!(!error.to_string().contains(canary), "{error}");
    }
    let bomb = packed(&json!({ "manifest": "x".repeat(2 << 20) }));
    assert_eq!(Record::decode(&bomb, 1 << 20), Err(StoreError::TooLarge { limit: 1 << 20 }));
    for wrong in [
        secret("sh.helm.release.v1.web.v3", "3", &data),
        secret("sh.helm.release.v1.other.v2", "2", &data),
        secret("sh.helm.release.v1.web.v2", "3", &data),
    ] {
        assert!(matches!(Record::from_secret(&wrong, LIMIT), Err(StoreError::Mismatch { .. })), "{wrong}");
    }
    let mut opaque = secret("sh.helm.release.v1.web.v2", "2", &data);
    opaque["type"] = "Opaque".into();
    assert!(matches!(Record::from_secret(&opaque, LIMIT), Err(StoreError::NotARelease { .. })));
}

#[test]
fn what_does_not_fit_into_a_secret_is_told_with_its_size() {
    // Noise, which does not compress.
    let mut seed = 1_u64;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + (seed >> 58) as u8)
    });
    let record = Record { name: "big".into(), manifest: noise.take(2 << 20).collect(), ..Record::default() };
    assert!(matches!(record.encode(), Err(StoreError::TooLargeForSecret { limit: 1_048_576, .. })));
}

#[test]
fn a_rendering_becomes_a_record() {
    let mut tree = TreeBuilder::new(TreeLimits::default());
    for (path, text) in [
        ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("values.yaml", "replicas: 1\n"),
        ("templates/a.yaml", "kind: ConfigMap\nmetadata: {name: a}\ndata: {n: \"{{ .Values.replicas }}\"}\n"),
        ("templates/h.yaml", "kind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n"),
        ("templates/NOTES.txt", "Hello {{ .Release.Name }}\n"),
    ] {
        tree.file(path, text.to_owned(), false).unwrap();
    }
    let chart = Chart::load(&tree.build(), &Limits::default()).unwrap();
    let release = Release { name: "r".into(), namespace: "n".into(), revision: 1, is_upgrade: false };
    let options = RenderOptions {
        release: release.clone(),
        capabilities: Capabilities::default(),
        lookup: None,
        skip_schema: false,
        sub_notes: false,
        limits: Limits::default(),
    };
    let config: Map<String, Value> = json!({ "replicas": 3.0 }).as_object().unwrap().clone();
    let rendered = render(&chart, &config, &options).unwrap();
    let record = Record::pending(&chart, &config, &rendered, &release, "2026-01-02T03:04:05.6Z");
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["info"]["status"], "pending-install");
    assert_eq!(json["info"]["notes"], "Hello r\n");
    assert_eq!(json["hooks"][0]["events"], json!(["pre-install"]));
    assert_eq!(json["chart"]["templates"][0]["name"], "templates/NOTES.txt");
    assert!(json["manifest"].as_str().unwrap().contains("n: \"3\""));
    assert_eq!(Record::decode(&record.encode().unwrap(), LIMIT).unwrap().manifest, record.manifest);
}
