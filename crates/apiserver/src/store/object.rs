//! One stored object: its bytes, and beside them only what selectors and the garbage collector ask for.

use serde_json::Value;

/// An object at one resourceVersion. Immutable; shared by the store, the watch history and every reader.
///
/// The bytes leave out `apiVersion`, `kind` and `metadata.resourceVersion`, which are written in front when the object
/// goes out: so any version of a kind can be served, lists are concatenations, and two states are equal when their
/// bytes are.
#[derive(Debug)]
pub struct Object {
    key: Box<str>,
    version: u64,
    state: State,
}

/// All of an object but where and when.
#[derive(Debug, Clone)]
struct State {
    uid: Box<str>,
    labels: Box<[(Box<str>, Box<str>)]>,
    owners: Box<[Box<str>]>,
    deleting: bool,
    /// `"name":"x",…},"data":{…}}`: what follows `"metadata":{`.
    tail: std::sync::Arc<[u8]>,
    /// How much of the tail is metadata, the closing brace included.
    metadata: u32,
}

/// An object that has been checked and serialised, but not yet stored.
#[derive(Debug)]
pub struct Draft {
    key: Box<str>,
    state: State,
}

/// The key of an object inside its resource: `namespace/name`, or the name alone.
pub fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

impl Draft {
    /// Serialises `object`; its `apiVersion`, `kind` and `metadata.resourceVersion` are not kept.
    ///
    /// An object without `metadata.name` yields a draft with an empty name; callers have validated that.
    pub fn new(object: &Value) -> Self {
        let empty = Value::Null;
        let metadata = object.get("metadata").unwrap_or(&empty);
        let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or_default();
        let pairs = |field: &str| -> Box<[(Box<str>, Box<str>)]> {
            let map = metadata.get(field).and_then(Value::as_object);
            map.into_iter().flatten().map(|(k, v)| (k.as_str().into(), v.as_str().unwrap_or_default().into())).collect()
        };
        let owners = metadata.get("ownerReferences").and_then(Value::as_array);
        let owners = owners.into_iter().flatten().filter_map(|o| o.get("uid")?.as_str().map(Into::into)).collect();
        let (tail, metadata_length) = tail(object);
        let state = State {
            uid: text("uid").into(),
            labels: pairs("labels"),
            owners,
            deleting: metadata.get("deletionTimestamp").is_some_and(|t| !t.is_null()),
            tail: tail.into(),
            metadata: metadata_length,
        };
        Self { key: key(text("namespace"), text("name")).into(), state }
    }

    /// From parts read back from the log.
    pub(super) fn from_tail(key: &str, tail: Vec<u8>) -> Result<Self, serde_json::Error> {
        let mut text = Vec::with_capacity(tail.len() + 16);
        text.extend_from_slice(b"{\"metadata\":{");
        text.extend_from_slice(&tail);
        let object: Value = serde_json::from_slice(&text)?;
        let mut draft = Self::new(&object);
        draft.key = key.into();
        Ok(draft)
    }

    /// Whether storing this over `object` would change nothing.
    pub fn equals(&self, object: &Object) -> bool {
        self.state.tail == object.state.tail
    }

    /// `namespace/name`, or the name alone.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The object at `version`.
    pub fn at(self, version: u64) -> Object {
        Object { key: self.key, version, state: self.state }
    }
}

/// Everything after `"metadata":{`, metadata first, and the length of that.
fn tail(object: &Value) -> (Vec<u8>, u32) {
    let mut out = Vec::with_capacity(512);
    let write = |out: &mut Vec<u8>, key: &str, value: &Value| {
        serde_json::to_writer(&mut *out, key).expect("a Vec takes every byte");
        out.push(b':');
        serde_json::to_writer(&mut *out, value).expect("a JSON value is serialisable");
    };
    let mut first = true;
    for (key, value) in object.get("metadata").and_then(Value::as_object).into_iter().flatten() {
        if key != "resourceVersion" {
            if !first {
                out.push(b',');
            }
            first = false;
            write(&mut out, key, value);
        }
    }
    out.push(b'}');
    let metadata = out.len() as u32;
    for (key, value) in object.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "metadata" | "apiVersion" | "kind") {
            out.push(b',');
            write(&mut out, key, value);
        }
    }
    out.push(b'}');
    (out, metadata)
}

impl Object {
    /// `namespace/name`, or the name alone.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its namespace; empty for cluster-scoped objects.
    pub fn namespace(&self) -> &str {
        self.key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&self.key, |(_, name)| name)
    }

    /// Its resourceVersion.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        &self.state.uid
    }

    /// `metadata.labels`, sorted by key.
    pub fn labels(&self) -> &[(Box<str>, Box<str>)] {
        &self.state.labels
    }

    /// The value of one label.
    pub fn label(&self, key: &str) -> Option<&str> {
        let at = self.state.labels.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
        Some(&self.state.labels[at].1)
    }

    /// The uids in `metadata.ownerReferences`.
    pub fn owners(&self) -> &[Box<str>] {
        &self.state.owners
    }

    /// Whether `metadata.deletionTimestamp` is set.
    pub fn is_deleting(&self) -> bool {
        self.state.deleting
    }

    /// The bytes that follow `"metadata":{`, without the resourceVersion.
    pub(super) fn tail(&self) -> &[u8] {
        &self.state.tail
    }

    /// Size of its JSON, about.
    pub fn size(&self) -> usize {
        self.state.tail.len()
    }

    /// The same state at another version: what a DELETED event carries.
    pub fn at_version(&self, version: u64) -> Object {
        Object { key: self.key.clone(), version, state: self.state.clone() }
    }

    /// Appends the object as JSON, with `prefix` (such as `"apiVersion":"v1","kind":"Pod",`, possibly empty) first.
    pub fn write(&self, prefix: &str, out: &mut Vec<u8>) {
        out.reserve(prefix.len() + self.state.tail.len() + 48);
        out.push(b'{');
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(b"\"metadata\":{\"resourceVersion\":\"");
        out.extend_from_slice(self.version.to_string().as_bytes());
        out.extend_from_slice(b"\"");
        if self.state.tail.first() != Some(&b'}') {
            out.push(b',');
        }
        out.extend_from_slice(&self.state.tail);
    }

    /// Appends the object with nothing but its metadata.
    pub fn write_metadata(&self, prefix: &str, out: &mut Vec<u8>) {
        let begin = out.len();
        self.write(prefix, out);
        let whole = out.len() - begin;
        out.truncate(begin + whole - self.state.tail.len() + self.state.metadata as usize);
        out.push(b'}');
    }

    /// The object as a value, with `apiVersion` and `kind`.
    pub fn value(&self, api_version: &str, kind: &str) -> Value {
        let mut bytes = Vec::new();
        self.write("", &mut bytes);
        let mut value: Value = serde_json::from_slice(&bytes).expect("stored bytes are JSON we wrote");
        if let Value::Object(map) = &mut value {
            map.insert("apiVersion".into(), api_version.into());
            map.insert("kind".into(), kind.into());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_comes_back_as_it_went_in() {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"},
            "metadata": {"name": "a", "namespace": "n", "uid": "u", "labels": {"x": "y"},
                         "resourceVersion": "3", "ownerReferences": [{"uid": "o"}]},
        });
        let stored = Draft::new(&object).at(7);
        assert_eq!((stored.key(), stored.namespace(), stored.name()), ("n/a", "n", "a"));
        assert_eq!((stored.label("x"), stored.label("z")), (Some("y"), None));
        assert_eq!(stored.owners(), ["o".into()]);
        let mut want = object.clone();
        want["metadata"]["resourceVersion"] = "7".into();
        assert_eq!(stored.value("v1", "ConfigMap"), want);
    }

    #[test]
    fn metadata_can_be_had_alone() {
        let stored = Draft::new(&json!({"metadata": {"name": "a", "labels": {"x": "}"}}, "data": 1})).at(7);
        let mut out = Vec::new();
        stored.write_metadata("", &mut out);
        assert_eq!(
            serde_json::from_slice::<Value>(&out).unwrap(),
            json!({"metadata": {"name": "a", "labels": {"x": "}"}, "resourceVersion": "7"}})
        );
    }

    #[test]
    fn a_draft_equals_the_object_it_would_not_change() {
        let object = json!({"metadata": {"name": "a"}, "data": {"a": "1"}});
        let stored = Draft::new(&object).at(7);
        assert!(Draft::new(&stored.value("v1", "ConfigMap")).equals(&stored));
    }
}
