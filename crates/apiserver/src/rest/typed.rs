//! Decoding of built-in kinds: what Go's typed decoding keeps, drops and refuses, read from the schema.

use serde_json::{Map, Value};
use sluice_object::schema::{Kind, Node};

use super::quantity;

/// What decoding found beside the object.
#[derive(Debug, Default)]
pub struct Found {
    /// Paths of fields that the schema does not know.
    pub unknown: Vec<String>,
}

/// Makes `value` what the server's typed decoding would make of it: unknown fields and nulls are dropped, quantities
/// and times get their canonical form, fields that are always printed appear.
///
/// # Errors
/// The message of Go's decoder for the first value of a wrong type.
pub fn decode(value: &mut Value, node: Node<'_>, found: &mut Found) -> Result<(), String> {
    let mut walk = Walk { found, path: Vec::new(), fields: Vec::new(), owner: String::new() };
    walk.value(value, node, 0)
}

/// Deeper than any body may be; decoding recurses.
const DEPTH: usize = 200;

struct Walk<'a> {
    found: &'a mut Found,
    /// `spec`, `containers`, `[0]`: for unknown fields.
    path: Vec<String>,
    /// `spec`, `containers`: for Go's messages.
    fields: Vec<String>,
    /// The struct that holds the value.
    owner: String,
}

impl Walk<'_> {
    fn value(&mut self, value: &mut Value, node: Node<'_>, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err("exceeded max depth".into());
        }
        match node.kind() {
            Kind::Any => Ok(()),
            Kind::Object if node.preserves_unknown() && !node.has_fields() => Ok(()),
            Kind::Object => self.object(value, node, depth),
            Kind::Map => self.map(value, node, depth),
            Kind::List => self.list(value, node, depth),
            Kind::String if value.is_string() => Ok(()),
            Kind::Boolean if value.is_boolean() => Ok(()),
            Kind::Integer => self.integer(value, node),
            Kind::Number if value.is_number() => Ok(()),
            Kind::IntOrString if value.is_string() || value.is_i64() => Ok(()),
            Kind::IntOrString if value.is_number() => self.wrong(value, node),
            Kind::Quantity => self.quantity(value),
            Kind::Bytes => self.bytes(value, node),
            Kind::Time => self.time(value, node, false),
            Kind::MicroTime => self.time(value, node, true),
            Kind::String | Kind::Boolean | Kind::Number | Kind::IntOrString => self.wrong(value, node),
        }
    }

    fn object(&mut self, value: &mut Value, node: Node<'_>, depth: usize) -> Result<(), String> {
        let Value::Object(map) = value else { return self.wrong(value, node) };
        let owner = std::mem::replace(&mut self.owner, short_name(node));
        let mut drop = Vec::new();
        for (key, value) in map.iter_mut() {
            let Some(child) = node.field(key) else {
                if !node.preserves_unknown() {
                    self.found.unknown.push(self.print(key));
                    drop.push(key.clone());
                }
                continue;
            };
            if value.is_null() {
                if child.kind() != Kind::Any {
                    drop.push(key.clone());
                }
                continue;
            }
            self.path.push(key.clone());
            self.fields.push(key.clone());
            self.value(value, child, depth + 1)?;
            self.path.pop();
            self.fields.pop();
            let empty = match (&*value, child.kind()) {
                (Value::Array(items), Kind::List) => items.is_empty(),
                (Value::Object(entries), Kind::Map) => entries.is_empty(),
                _ => false,
            };
            // An empty list of managers clears the managers, so it is told from none.
            if empty && key != "managedFields" && !node.required().any(|r| r == key) {
                drop.push(key.clone());
            }
        }
        for key in drop {
            map.remove(&key);
        }
        always_printed(map, node);
        self.owner = owner;
        Ok(())
    }

    fn map(&mut self, value: &mut Value, node: Node<'_>, depth: usize) -> Result<(), String> {
        let Value::Object(map) = value else { return self.wrong(value, node) };
        let Some(values) = node.values() else { return Ok(()) };
        for (key, value) in map.iter_mut() {
            if value.is_null() {
                // Go stores the zero value of a null.
                *value = zero(values);
                continue;
            }
            self.path.push(key.clone());
            // Go names the map, not its key.
            self.value(value, values, depth + 1)?;
            self.path.pop();
        }
        Ok(())
    }

    fn list(&mut self, value: &mut Value, node: Node<'_>, depth: usize) -> Result<(), String> {
        let Value::Array(items) = value else { return self.wrong(value, node) };
        let Some(child) = node.items() else { return Ok(()) };
        for (index, item) in items.iter_mut().enumerate() {
            if item.is_null() {
                *item = zero(child);
                continue;
            }
            self.path.push(format!("[{index}]"));
            self.value(item, child, depth + 1)?;
            self.path.pop();
        }
        Ok(())
    }

    fn integer(&mut self, value: &Value, node: Node<'_>) -> Result<(), String> {
        match value.as_i64() {
            Some(n) if node.is_int64() || i32::try_from(n).is_ok() => Ok(()),
            _ => self.wrong(value, node),
        }
    }

    fn quantity(&mut self, value: &mut Value) -> Result<(), String> {
        let text = match &*value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return Err(quantity::WRONG.into()),
        };
        *value = quantity::canonical(&text).ok_or(quantity::WRONG)?.into();
        Ok(())
    }

    fn bytes(&mut self, value: &mut Value, node: Node<'_>) -> Result<(), String> {
        let Value::String(text) = &*value else { return self.wrong(value, node) };
        // Go skips line ends inside base64 and prints none.
        let clean: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        if let Some(at) = base64_error(text) {
            return Err(format!("illegal base64 data at input byte {at}"));
        }
        *value = clean.into();
        Ok(())
    }

    fn time(&mut self, value: &mut Value, node: Node<'_>, micro: bool) -> Result<(), String> {
        let Value::String(text) = &*value else { return self.wrong(value, node) };
        let layout = if micro { "2006-01-02T15:04:05.000000Z07:00" } else { "2006-01-02T15:04:05Z07:00" };
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|_| format!("parsing time \"{text}\" as \"{layout}\": cannot parse \"{text}\" as \"2006\""))?;
        *value = match micro {
            true => crate::audit::micro_time(time).into(),
            false => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
        };
        Ok(())
    }

    fn wrong(&self, value: &Value, node: Node<'_>) -> Result<(), String> {
        let got = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(n) if matches!(node.kind(), Kind::Integer) => {
                return Err(self.cannot(&format!("number {n}"), node));
            }
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        Err(self.cannot(got, node))
    }

    fn cannot(&self, got: &str, node: Node<'_>) -> String {
        let kind = go_type(node);
        if self.fields.is_empty() {
            return format!("json: cannot unmarshal {got} into Go value of type {kind}");
        }
        let owner = self.owner.rsplit('.').next().unwrap_or_default();
        format!("json: cannot unmarshal {got} into Go struct field {owner}.{} of type {kind}", self.fields.join("."))
    }

    fn print(&self, key: &str) -> String {
        let mut out = String::new();
        for part in self.path.iter().map(String::as_str).chain([key]) {
            if !out.is_empty() && !part.starts_with('[') {
                out.push('.');
            }
            out.push_str(part);
        }
        out
    }
}

/// `v1.PodSpec` of `io.k8s.api.core.v1.PodSpec`.
fn short_name(node: Node<'_>) -> String {
    let name = node.definition().unwrap_or_default();
    let mut parts = name.rsplit('.');
    match (parts.next(), parts.next()) {
        (Some(kind), Some(version)) => format!("{version}.{kind}"),
        _ => name,
    }
}

fn go_type(node: Node<'_>) -> String {
    match node.kind() {
        Kind::String | Kind::IntOrString | Kind::Quantity => "string".into(),
        Kind::Integer if node.is_int64() => "int64".into(),
        Kind::Integer => "int32".into(),
        Kind::Number => "float64".into(),
        Kind::Boolean => "bool".into(),
        Kind::Bytes => "[]uint8".into(),
        Kind::Time | Kind::MicroTime => "string".into(),
        Kind::Any => "interface {}".into(),
        Kind::Object => short_name(node),
        Kind::Map => format!("map[string]{}", node.values().map(go_type).unwrap_or_default()),
        Kind::List => format!("[]{}", node.items().map(go_type).unwrap_or_default()),
    }
}

fn zero(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::String | Kind::Bytes => "".into(),
        Kind::Quantity => "0".into(),
        Kind::Integer | Kind::Number | Kind::IntOrString => 0.into(),
        Kind::Boolean => false.into(),
        Kind::Object => {
            let mut map = Map::new();
            always_printed(&mut map, node);
            map.into()
        }
        Kind::Any | Kind::Map | Kind::List | Kind::Time | Kind::MicroTime => Value::Null,
    }
}

/// Adds what Go prints even when it is empty: fields without `omitempty`, and structs.
fn always_printed(map: &mut Map<String, Value>, node: Node<'_>) {
    let definition = node.definition().unwrap_or_default();
    let name = definition.strip_prefix("io.k8s.").unwrap_or(&definition);
    for key in node.required() {
        if map.contains_key(key) || matches!(key, "apiVersion" | "kind" | "metadata") {
            continue;
        }
        let Some(child) = node.field(key) else { continue };
        let value = match child.kind() {
            // Pointers and types that print themselves; an absent one is a validation error, not an empty struct.
            Kind::Object if is_pointer(child) => continue,
            Kind::Quantity | Kind::IntOrString | Kind::Any => continue,
            _ => zero(child),
        };
        map.insert(key.to_owned(), value);
    }
    for (owner, key) in STRUCTS {
        if *owner == name
            && !map.contains_key(*key)
            && let Some(child) = node.field(key)
        {
            map.insert((*key).to_owned(), zero(child));
        }
    }
    // A kind's own spec and status are structs.
    if node.field("apiVersion").is_some() && node.field("metadata").is_some() {
        for key in ["spec", "status"] {
            if let Some(child) = node.field(key)
                && child.kind() == Kind::Object
                && child.has_fields()
                && !map.contains_key(key)
            {
                map.insert(key.to_owned(), child.default().cloned().unwrap_or_else(|| zero(child)));
            }
        }
    }
    for (owner, key) in NULLS {
        if *owner == name && !map.contains_key(*key) {
            map.insert((*key).to_owned(), Value::Null);
        }
    }
    for (owner, key) in ZEROS {
        if *owner == name
            && !map.contains_key(*key)
            && let Some(child) = node.field(key)
        {
            map.insert((*key).to_owned(), zero(child));
        }
    }
}

fn is_pointer(node: Node<'_>) -> bool {
    node.definition().is_some_and(|name| {
        ["LabelSelector", "JSONSchemaProps", "NodeSelector", "IngressServiceBackend", "TypedLocalObjectReference"]
            .iter()
            .any(|pointer| name.ends_with(pointer))
    })
}

/// Struct fields (not pointers) that the schema does not call required.
const STRUCTS: &[(&str, &str)] = &[
    ("api.core.v1.PodTemplateSpec", "metadata"),
    ("api.core.v1.PodTemplateSpec", "spec"),
    ("api.core.v1.PodTemplate", "template"),
    ("api.batch.v1.JobTemplateSpec", "metadata"),
    ("api.batch.v1.JobTemplateSpec", "spec"),
    ("api.core.v1.PersistentVolumeClaimTemplate", "metadata"),
    ("api.core.v1.PersistentVolumeClaimSpec", "resources"),
    ("api.core.v1.ServiceStatus", "loadBalancer"),
    ("api.networking.v1.IngressStatus", "loadBalancer"),
    ("api.core.v1.NodeStatus", "daemonEndpoints"),
    ("api.core.v1.NodeDaemonEndpoints", "kubeletEndpoint"),
    ("api.core.v1.NodeStatus", "nodeInfo"),
    ("api.core.v1.Event", "source"),
    ("api.core.v1.Event", "involvedObject"),
    ("api.apps.v1.StatefulSetSpec", "updateStrategy"),
    ("api.authentication.v1.TokenReviewStatus", "user"),
    ("api.authentication.v1.SelfSubjectReviewStatus", "userInfo"),
    ("api.core.v1.Container", "resources"),
];

/// Fields without `omitempty` that print null when they are not set.
const NULLS: &[(&str, &str)] = &[
    ("api.core.v1.Event", "eventTime"),
    ("api.core.v1.Event", "firstTimestamp"),
    ("api.core.v1.Event", "lastTimestamp"),
    ("api.events.v1.Event", "eventTime"),
    ("api.autoscaling.v2.HorizontalPodAutoscalerStatus", "currentMetrics"),
    ("api.autoscaling.v2.HorizontalPodAutoscalerCondition", "lastTransitionTime"),
    ("api.apps.v1.DeploymentCondition", "lastTransitionTime"),
    ("api.apps.v1.DeploymentCondition", "lastUpdateTime"),
    ("api.apps.v1.ReplicaSetCondition", "lastTransitionTime"),
    ("api.apps.v1.StatefulSetCondition", "lastTransitionTime"),
    ("api.apps.v1.DaemonSetCondition", "lastTransitionTime"),
    ("api.batch.v1.JobCondition", "lastProbeTime"),
    ("api.batch.v1.JobCondition", "lastTransitionTime"),
    ("api.core.v1.ReplicationControllerCondition", "lastTransitionTime"),
    ("api.core.v1.PodCondition", "lastProbeTime"),
    ("api.core.v1.PodCondition", "lastTransitionTime"),
    ("api.core.v1.NodeCondition", "lastHeartbeatTime"),
    ("api.core.v1.NodeCondition", "lastTransitionTime"),
    ("api.core.v1.NamespaceCondition", "lastTransitionTime"),
    ("api.core.v1.PersistentVolumeClaimCondition", "lastProbeTime"),
    ("api.core.v1.PersistentVolumeClaimCondition", "lastTransitionTime"),
    ("api.core.v1.ContainerStateRunning", "startedAt"),
    ("api.core.v1.ContainerStateTerminated", "startedAt"),
    ("api.core.v1.ContainerStateTerminated", "finishedAt"),
    ("apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionCondition", "lastTransitionTime"),
    ("api.rbac.v1.ClusterRole", "rules"),
    ("api.rbac.v1.Role", "rules"),
];

/// Numbers and strings without `omitempty` that the schema does not call required.
const ZEROS: &[(&str, &str)] = &[
    ("api.apps.v1.StatefulSetStatus", "availableReplicas"),
    ("api.core.v1.Event", "reportingComponent"),
    ("api.core.v1.Event", "reportingInstance"),
];

/// Where Go's base64 decoder stops; `None` when it does not.
fn base64_error(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut digits, mut padding) = (0usize, 0usize);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'=' => {
                if digits % 4 < 2 || (padding == 1 && digits % 4 != 2) || padding > 1 {
                    return Some(at);
                }
                padding += 1;
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits += 1,
            _ => return Some(at),
        }
    }
    let whole = digits % 4 == 0 && padding == 0 || digits % 4 == 2 && padding == 2 || digits % 4 == 3 && padding == 1;
    (!whole).then_some(bytes.len() - bytes.len() % 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sluice_object::GroupVersionKind;
    use sluice_object::schema::builtin;

    fn run(kind: (&str, &str, &str), mut value: Value) -> Result<(Value, Vec<String>), String> {
        let schema = builtin().schema(&GroupVersionKind::new(kind.0, kind.1, kind.2)).unwrap();
        let mut found = Found::default();
        decode(&mut value, schema.root(), &mut found)?;
        Ok((value, found.unknown))
    }

    #[test]
    fn wrong_types_are_told_as_go_does() {
        let error = run(("", "v1", "ConfigMap"), json!({"data": {"n": 1}})).unwrap_err();
        assert_eq!(error, "json: cannot unmarshal number into Go struct field ConfigMap.data of type string");
        let error = run(("", "v1", "ConfigMap"), json!({"metadata": {"name": true}})).unwrap_err();
        assert_eq!(error, "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.name of type string");
        let error = run(("", "v1", "ConfigMap"), json!({"binaryData": {"b": "not base64!"}})).unwrap_err();
        assert_eq!(error, "illegal base64 data at input byte 3");
    }

    #[test]
    fn unknown_fields_and_empty_ones_are_dropped() {
        let (value, unknown) = run(("", "v1", "ConfigMap"), json!({"data": {}, "x": 1, "metadata": null})).unwrap();
        assert_eq!(value, json!({}));
        assert_eq!(unknown, ["x"]);
    }

    #[test]
    fn structs_are_always_printed() {
        let (value, _) = run(("coordination.k8s.io", "v1", "Lease"), json!({})).unwrap();
        assert_eq!(value, json!({"spec": {}}));
        let (value, _) = run(("", "v1", "Service"), json!({})).unwrap();
        assert_eq!(value, json!({"spec": {}, "status": {"loadBalancer": {}}}));
    }
}
