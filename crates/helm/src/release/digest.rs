//! The digests that Flux' helm-controller keeps in a HelmRelease's status (spec/flux/helm.md §2).

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{ChartMetadata, HookRecord, Info, Record, go_json};

fn sha256(data: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(data)))
}

/// `configDigest`: of the values as YAML, their keys sorted by their bytes at every level.
///
/// # Errors
/// Values that YAML cannot carry.
pub fn config_digest(values: &Map<String, Value>) -> Result<String, sluice_yaml::EmitError> {
    sluice_yaml::emit_sorted(&Value::Object(values.clone())).map(|text| sha256(text.as_bytes()))
}

/// What a snapshot's digest is made of, in Go's order.
#[derive(Serialize)]
struct Observed<'r> {
    name: &'r str,
    version: i64,
    info: &'r Info,
    #[serde(rename = "chartMetadata")]
    chart_metadata: ChartMetadata,
    config: &'r Option<Map<String, Value>>,
    manifest: &'r str,
    hooks: Option<Vec<&'r HookRecord>>,
    namespace: &'r str,
    #[serde(rename = "ociDigest", skip_serializing_if = "str::is_empty")]
    oci_digest: &'r str,
}

/// The digest of a snapshot: of what a release is, the hooks that are tests left out, as a line of JSON.
///
/// # Errors
/// A record that is no JSON, which one that was decoded never is.
pub fn snapshot_digest(record: &Record, oci_digest: &str) -> Result<String, serde_json::Error> {
    let info = record.info.clone().unwrap_or_default();
    let chart = record.chart.as_ref().and_then(|chart| chart.metadata.clone()).unwrap_or_default();
    let hooks: Vec<&HookRecord> = record.hooks.iter().flatten().filter(|hook| !hook.is_test()).collect();
    let observed = Observed {
        name: &record.name,
        version: record.version,
        info: &info,
        chart_metadata: chart,
        config: &record.config,
        manifest: &record.manifest,
        hooks: Some(hooks).filter(|hooks| !hooks.is_empty()),
        namespace: &record.namespace,
        oci_digest,
    };
    let mut line = go_json::to_vec(&observed)?;
    line.push(b'\n');
    Ok(sha256(&line))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{config_digest, sha256, snapshot_digest};
    use crate::release::Record;

    #[test]
    fn values_are_digested_as_sorted_yaml() {
        let empty = config_digest(&serde_json::Map::new()).expect("is YAML");
        assert_eq!(empty, sha256(b"{}\n"));
        let values = json!({ "a10": 1.0, "a2": { "b": [true, null], "B": "yes" } });
        let digest = config_digest(values.as_object().expect("a map")).expect("is YAML");
        assert_eq!(digest, sha256(b"a10: 1\na2:\n  B: \"yes\"\n  b:\n  - true\n  - null\n"));
    }

    #[test]
    fn a_snapshot_does_not_depend_on_its_tests() {
        let hook = |event: &str| json!({ "name": event, "events": [event], "last_run": { "phase": "" } });
        let record = |hooks: serde_json::Value| -> Record {
            serde_json::from_value(json!({ "name": "a", "version": 1, "hooks": hooks })).expect("a record")
        };
        let of = |hooks| snapshot_digest(&record(hooks), "").expect("is JSON");
        assert_eq!(of(json!([hook("test")])), of(json!([])));
        assert_ne!(of(json!([hook("pre-install")])), of(json!([])));
    }
}
