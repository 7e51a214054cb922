//! `.Files` and `.Capabilities`.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_gotemplate::{Call, Elem, Error, List, Map, MapKind, Object, Param, RangeItems, Signature, Value, sprint};

use crate::convert::text;
use crate::paths::glob_matches;

/// A chart's files that are not templates.
#[derive(Clone, Debug)]
pub struct Files(Arc<BTreeMap<String, Arc<[u8]>>>);

impl Files {
    /// Files by their paths in the chart.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self(Arc::new(files.into_iter().map(|(path, data)| (path, Arc::from(data))).collect()))
    }

    /// As a template's value.
    #[must_use]
    pub fn value(self) -> Value {
        Value::Object(Arc::new(self))
    }
}

const ONE_STRING: Signature = Signature { fixed: &[Param::String], rest: None };
const NOTHING: Signature = Signature { fixed: &[], rest: None };

impl Object for Files {
    fn type_name(&self) -> &str {
        "engine.files"
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn is_map(&self) -> bool {
        true
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(Value::Bytes(self.0.get(name).cloned().unwrap_or_else(|| Arc::from([]))))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "Get" | "GetBytes" | "Glob" | "Lines" => Some(ONE_STRING),
            "AsConfig" | "AsSecrets" => Some(NOTHING),
            _ => None,
        }
    }

    fn call(&self, _: &mut Call<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let path = args.first().map(|arg| text(arg).into_owned()).unwrap_or_default();
        let found = self.0.get(&path).map(|data| data.to_vec()).unwrap_or_default();
        Ok(match name {
            "Get" => Value::from(found),
            "GetBytes" => Value::Bytes(Arc::from(found)),
            "Lines" => {
                if !self.0.contains_key(&path) {
                    return Ok(Value::strings::<Value>([]));
                }
                let whole = String::from_utf8_lossy(&found).into_owned();
                let whole = whole.strip_suffix('\n').unwrap_or(&whole).to_owned();
                Value::strings(whole.split('\n').map(str::to_owned).collect::<Vec<_>>())
            }
            "Glob" => {
                let kept = self.0.iter().filter(|(file, _)| glob_matches(&path, file));
                Files(Arc::new(kept.map(|(file, data)| (file.clone(), data.clone())).collect())).value()
            }
            _ => {
                if self.0.is_empty() {
                    return Ok(Value::from(""));
                }
                let entries = self.0.iter().map(|(file, data)| {
                    let base = file.rsplit('/').next().unwrap_or(file).to_owned();
                    let data = match name {
                        "AsConfig" => String::from_utf8_lossy(data).into_owned(),
                        _ => crate::encoding::base64_text(data),
                    };
                    (base, serde_json::Value::from(data))
                });
                let object = serde_json::Value::Object(entries.collect());
                let yaml = sluice_yaml::emit(&object).map_err(|error| Error::new(error.to_string()))?;
                Value::from(yaml.strip_suffix('\n').unwrap_or(&yaml))
            }
        })
    }

    fn entries(&self) -> Option<RangeItems> {
        Some(self.0.iter().map(|(file, data)| (Value::from(file.as_str()), Value::Bytes(data.clone()))).collect())
    }

    fn json(&self) -> serde_json::Value {
        let entries = self.0.iter().map(|(file, data)| (file.clone(), crate::encoding::base64_text(data).into()));
        serde_json::Value::Object(entries.collect())
    }

    fn print(&self, _: bool) -> String {
        let entries = self.0.iter().map(|(file, data)| (file.clone(), Value::Bytes(data.clone())));
        sprint(&[Value::Map(Map::new(MapKind::Any, entries.collect()))])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The Kubernetes version that a chart is rendered for.
#[derive(Clone, Debug)]
pub struct KubeVersion {
    /// `v1.37.0`.
    pub version: String,
    /// `1`.
    pub major: String,
    /// `37`.
    pub minor: String,
}

impl Object for KubeVersion {
    fn type_name(&self) -> &str {
        "common.KubeVersion"
    }

    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "String" | "GitVersion").then_some(NOTHING)
    }

    fn call(&self, _: &mut Call<'_, '_>, _: &str, _: &[Value]) -> Result<Value, Error> {
        Ok(Value::from(self.version.as_str()))
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(Value::from(self.version.as_str())),
            "Major" => Some(Value::from(self.major.as_str())),
            "Minor" => Some(Value::from(self.minor.as_str())),
            _ => None,
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({"Version": self.version, "Major": self.major, "Minor": self.minor})
    }

    fn print(&self, _: bool) -> String {
        self.version.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What the cluster can do.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// Its version.
    pub kube_version: KubeVersion,
    /// Versions, and versions with kinds, that its API has: `apps/v1`, `apps/v1/Deployment`.
    pub api_versions: Arc<Vec<String>>,
    /// The version of Helm that is imitated.
    pub helm_version: String,
}

#[derive(Clone, Debug)]
struct VersionSet(Arc<Vec<String>>);

impl Capabilities {
    /// As a template's value.
    #[must_use]
    pub fn value(self) -> Value {
        Value::Object(Arc::new(self))
    }

    fn helm(&self) -> Value {
        Value::map([
            ("Version", Value::from(self.helm_version.as_str())),
            ("GitCommit", Value::from("")),
            ("GitTreeState", Value::from("")),
            ("GoVersion", Value::from("")),
        ])
    }
}

impl Object for Capabilities {
    fn type_name(&self) -> &str {
        "*common.Capabilities"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "KubeVersion" => Some(Value::Object(Arc::new(self.kube_version.clone()))),
            "APIVersions" => Some(Value::Object(Arc::new(VersionSet(self.api_versions.clone())))),
            "HelmVersion" => Some(self.helm()),
            _ => None,
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({"KubeVersion": self.kube_version.json(), "APIVersions": *self.api_versions})
    }

    fn print(&self, _: bool) -> String {
        format!("&{{{} {}}}", self.kube_version.version, VersionSet(self.api_versions.clone()).print(false))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for VersionSet {
    fn type_name(&self) -> &str {
        "common.VersionSet"
    }

    fn kind(&self) -> &'static str {
        "slice"
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "Has").then_some(ONE_STRING)
    }

    fn call(&self, _: &mut Call<'_, '_>, _: &str, args: &[Value]) -> Result<Value, Error> {
        let wanted = text(&args[0]);
        Ok(Value::Bool(self.0.iter().any(|version| *version == wanted)))
    }

    fn entries(&self) -> Option<RangeItems> {
        Some(self.0.iter().enumerate().map(|(at, version)| (Value::Int(at as i64), version.as_str().into())).collect())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::Value::from((*self.0).clone())
    }

    fn print(&self, _: bool) -> String {
        let items = self.0.iter().map(|version| Value::from(version.as_str())).collect();
        sprint(&[Value::List(List { elem: Elem::String, items: Arc::new(items) })])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
