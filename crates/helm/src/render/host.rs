//! `.Chart`, `.Files`, `.Capabilities` and values as templates see them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use sluice_gotemplate::{Call, Error, Map, MapKind, Object, Param, RangeItems, Signature, Value, sprint};

use crate::capabilities::{Capabilities, KubeVersion};
use crate::chart::File;
use crate::glob;
use crate::metadata::{Dependency, Maintainer, Metadata};

/// A value of the chart's as templates see it: integers only come from `--set`.
pub(crate) fn to_template_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64().filter(|_| !number.is_f64()) {
            Some(integer) => Value::Int64(integer),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(to_template_value)),
        Json::Object(map) => Value::map(map.iter().map(|(key, value)| (key.clone(), to_template_value(value)))),
    }
}

fn text(value: &str) -> Value {
    Value::from(value)
}

fn texts(values: &[String]) -> Value {
    Value::list(values.iter().map(|value| text(value)))
}

/// `.Chart`.
pub(super) fn metadata(chart: &Metadata, is_root: bool) -> Value {
    let annotations = match &chart.annotations {
        None => Value::Object(Arc::new(NoStrings)),
        Some(given) => {
            let given = given.iter().map(|(key, value)| (key.clone(), text(value))).collect();
            Value::Map(Map::new(MapKind::Strings, given))
        }
    };
    Value::map([
        ("Name", text(&chart.name)),
        ("Home", text(&chart.home)),
        ("Sources", texts(&chart.sources)),
        ("Version", text(&chart.version)),
        ("Description", text(&chart.description)),
        ("Keywords", texts(&chart.keywords)),
        ("Maintainers", Value::list(chart.maintainers.iter().map(maintainer))),
        ("Icon", text(&chart.icon)),
        ("APIVersion", text(&chart.api_version)),
        ("Condition", text(&chart.condition)),
        ("Tags", text(&chart.tags)),
        ("AppVersion", text(&chart.app_version)),
        ("Deprecated", Value::Bool(chart.deprecated)),
        ("Annotations", annotations),
        ("KubeVersion", text(&chart.kube_version)),
        ("Dependencies", Value::list(chart.dependencies.iter().flatten().map(dependency))),
        ("Type", text(&chart.kind)),
        ("IsRoot", Value::Bool(is_root)),
    ])
}

/// A nil `map[string]string`: as good as an empty one, but null in JSON.
#[derive(Debug)]
struct NoStrings;

impl Object for NoStrings {
    fn type_name(&self) -> &str {
        "map[string]string"
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn is_map(&self) -> bool {
        true
    }

    fn field(&self, _name: &str) -> Option<Value> {
        Some(text(""))
    }

    fn truth(&self) -> bool {
        false
    }

    fn entries(&self) -> Option<RangeItems> {
        Some(Vec::new())
    }

    fn json(&self) -> Json {
        Json::Null
    }

    fn print(&self, _plus: bool) -> String {
        "map[]".into()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn maintainer(it: &Maintainer) -> Value {
    Value::map([("Name", text(&it.name)), ("Email", text(&it.email)), ("URL", text(&it.url))])
}

fn dependency(it: &Dependency) -> Value {
    Value::map([
        ("Name", text(&it.name)),
        ("Version", text(&it.version)),
        ("Repository", text(&it.repository)),
        ("Condition", text(&it.condition)),
        ("Tags", texts(&it.tags)),
        ("Enabled", Value::Bool(it.enabled)),
        ("ImportValues", Value::list(it.import_values.iter().map(to_template_value))),
        ("Alias", text(&it.alias)),
    ])
}

/// `.Files`.
pub(super) fn files(files: &Arc<[File]>) -> Value {
    let by_name = files.iter().enumerate().map(|(index, file)| (file.name.clone(), index)).collect();
    Value::Object(Arc::new(Files { all: files.clone(), by_name }))
}

#[derive(Debug)]
struct Files {
    all: Arc<[File]>,
    by_name: BTreeMap<String, usize>,
}

impl Files {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.by_name.get(name).map(|index| self.all[*index].data.as_ref())
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.by_name.iter().map(|(name, index)| (name.as_str(), self.all[*index].data.as_ref()))
    }

    /// The files by their last names, each made into a text, as YAML.
    fn yaml(&self, make: impl Fn(&[u8]) -> String) -> String {
        let map: serde_json::Map<String, Json> = self
            .iter()
            .map(|(name, data)| (name.rsplit('/').next().unwrap_or(name).to_owned(), Json::from(make(data))))
            .collect();
        sluice_yaml::emit(&Json::Object(map)).unwrap_or_default().trim_end_matches('\n').to_owned()
    }
}

impl Object for Files {
    fn type_name(&self) -> &str {
        "engine.files"
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(Value::Bytes(Arc::from(self.get(name).unwrap_or_default())))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        let fixed: &'static [Param] = match name {
            "Get" | "GetBytes" | "Glob" | "Lines" => &[Param::String],
            "AsConfig" | "AsSecrets" => &[],
            _ => return None,
        };
        Some(Signature { fixed, rest: None })
    }

    fn call(&self, _call: &mut Call<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let path = args.first().and_then(Value::text).unwrap_or_default();
        Ok(match name {
            "Get" => Value::from(self.get(&path).unwrap_or_default().to_vec()),
            "GetBytes" => Value::Bytes(Arc::from(self.get(&path).unwrap_or_default())),
            "Lines" => match self.get(&path) {
                None => Value::strings::<Value>([]),
                Some([]) => Value::strings::<Value>([]),
                Some(data) => {
                    let data = String::from_utf8_lossy(data);
                    Value::strings(data.strip_suffix('\n').unwrap_or(&data).split('\n'))
                }
            },
            "Glob" => {
                let pattern = glob::super_glob(&path);
                let hit = |name: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name));
                let by_name = self.by_name.iter().filter(|(name, _)| hit(name));
                let by_name = by_name.map(|(name, index)| (name.clone(), *index)).collect();
                Value::Object(Arc::new(Files { all: self.all.clone(), by_name }))
            }
            "AsConfig" => Value::from(self.yaml(|data| String::from_utf8_lossy(data).into_owned())),
            "AsSecrets" => Value::from(self.yaml(|data| STANDARD.encode(data))),
            other => return Err(Error::new(format!("no method {other}"))),
        })
    }

    fn is_map(&self) -> bool {
        true
    }

    fn truth(&self) -> bool {
        !self.by_name.is_empty()
    }

    fn entries(&self) -> Option<RangeItems> {
        Some(self.iter().map(|(name, data)| (text(name), Value::Bytes(Arc::from(data)))).collect())
    }

    fn json(&self) -> Json {
        Json::Object(self.iter().map(|(name, data)| (name.to_owned(), Json::from(STANDARD.encode(data)))).collect())
    }

    fn print(&self, _plus: bool) -> String {
        let map = self.iter().map(|(name, data)| (name.to_owned(), Value::Bytes(Arc::from(data))));
        sprint(&[Value::map(map)])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Capabilities`.
pub(super) fn capabilities(it: &Capabilities) -> Value {
    Value::Object(Arc::new(Record {
        type_name: "*common.Capabilities",
        kind: "ptr",
        fields: vec![
            ("KubeVersion", Value::Object(Arc::new(Kube(it.kube_version.clone())))),
            ("APIVersions", Value::Object(Arc::new(Versions(it.api_versions.clone())))),
            ("HelmVersion", helm_version()),
        ],
        json_names: &["KubeVersion", "APIVersions", "HelmVersion"],
        pointer: true,
    }))
}

fn helm_version() -> Value {
    Value::Object(Arc::new(Record {
        type_name: "version.BuildInfo",
        kind: "struct",
        fields: vec![
            ("Version", text("v4.3.1")),
            ("GitCommit", text("c0d08d0d6d9424d4a14febb5e8a3e51b0dd00dff")),
            ("GitTreeState", text("clean")),
            ("GoVersion", text("go1.27.2")),
            ("KubeClientVersion", text("v1.37")),
        ],
        json_names: &["version", "git_commit", "git_tree_state", "go_version", "kube_client_version"],
        pointer: false,
    }))
}

/// A struct of Go.
#[derive(Debug)]
struct Record {
    type_name: &'static str,
    kind: &'static str,
    fields: Vec<(&'static str, Value)>,
    json_names: &'static [&'static str],
    pointer: bool,
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Object(object) => object.json(),
        other => other.text().map_or(Json::Null, |text| Json::from(text.into_owned())),
    }
}

impl Object for Record {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.clone())
    }

    fn json(&self) -> Json {
        let named = self.json_names.iter().zip(&self.fields);
        Json::Object(named.map(|(name, (_, value))| ((*name).to_owned(), json_of(value))).collect())
    }

    fn json_fields(&self) -> Option<Vec<(&'static str, Value)>> {
        Some(self.json_names.iter().zip(&self.fields).map(|(name, (_, value))| (*name, value.clone())).collect())
    }

    fn print(&self, plus: bool) -> String {
        let field = |(name, value): &(&str, Value)| {
            let printed = match value {
                Value::Object(object) => object.print(plus),
                other => sprint(std::slice::from_ref(other)),
            };
            if plus { format!("{name}:{printed}") } else { printed }
        };
        let fields: Vec<String> = self.fields.iter().map(field).collect();
        format!("{}{{{}}}", if self.pointer { "&" } else { "" }, fields.join(" "))
    }

    // An action writes what a pointer points to.
    fn display(&self) -> String {
        self.print(false).trim_start_matches('&').to_owned()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Debug)]
struct Kube(KubeVersion);

impl Object for Kube {
    fn type_name(&self) -> &str {
        "common.KubeVersion"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(text(match name {
            "Version" => &self.0.version,
            "Major" => &self.0.major,
            "Minor" => &self.0.minor,
            _ => return None,
        }))
    }

    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "String" | "GitVersion").then_some(Signature { fixed: &[], rest: None })
    }

    fn call(&self, _call: &mut Call<'_, '_>, name: &str, _args: &[Value]) -> Result<Value, Error> {
        Ok(text(if name == "String" { &self.0.normalized } else { &self.0.version }))
    }

    fn json(&self) -> Json {
        json!({ "Version": self.0.version, "Major": self.0.major, "Minor": self.0.minor })
    }

    fn json_fields(&self) -> Option<Vec<(&'static str, Value)>> {
        let KubeVersion { version, major, minor, .. } = &self.0;
        Some(vec![("Version", text(version)), ("Major", text(major)), ("Minor", text(minor))])
    }

    fn print(&self, plus: bool) -> String {
        let KubeVersion { version, normalized, major, minor } = &self.0;
        if plus {
            format!("{{Version:{version} normalizedVersion:{normalized} Major:{major} Minor:{minor}}}")
        } else {
            format!("{{{version} {normalized} {major} {minor}}}")
        }
    }

    fn display(&self) -> String {
        self.0.normalized.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Debug)]
struct Versions(Vec<String>);

impl Object for Versions {
    fn type_name(&self) -> &str {
        "common.VersionSet"
    }

    fn kind(&self) -> &'static str {
        "slice"
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "Has").then_some(Signature { fixed: &[Param::String], rest: None })
    }

    fn call(&self, _call: &mut Call<'_, '_>, _name: &str, args: &[Value]) -> Result<Value, Error> {
        let wanted = args.first().and_then(Value::text).unwrap_or_default();
        Ok(Value::Bool(self.0.iter().any(|version| *version == wanted)))
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn entries(&self) -> Option<RangeItems> {
        let pair = |(index, version): (usize, &String)| (Value::Int(index as i64), text(version));
        Some(self.0.iter().enumerate().map(pair).collect())
    }

    fn json(&self) -> Json {
        Json::from(self.0.clone())
    }

    fn print(&self, _plus: bool) -> String {
        format!("[{}]", self.0.join(" "))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
