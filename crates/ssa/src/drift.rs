//! What a dry run would change: the difference between the live object and its result.

use serde_json::{Map, Value};

use crate::typed::DEPTH_LIMIT;

/// One value that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// The live value; `None` where it would be added.
    pub live: Option<Value>,
    /// The value after the dry run; `None` where it would be removed.
    pub desired: Option<Value>,
}

/// The differences that count as drift: in labels, annotations, and all that is neither metadata nor status
/// (spec/flux/kustomize.md §5). What lies at or below a JSON pointer of `ignore` does not count. An empty or null
/// value is the same as an absent one.
#[must_use]
pub fn drift(live: &Value, dry_run: &Value, ignore: &[&str]) -> Vec<Difference> {
    let ignore: Vec<Vec<String>> = ignore.iter().map(|pointer| segments(pointer)).collect();
    let mut walk = Walk { out: Vec::new(), ignore: &ignore, path: Vec::new() };
    let empty = Map::new();
    let (old, new) = (live.as_object().unwrap_or(&empty), dry_run.as_object().unwrap_or(&empty));
    for key in keys(old, new) {
        match key {
            "status" | "apiVersion" | "kind" => {}
            "metadata" => {
                walk.path.push("metadata".to_owned());
                for part in ["labels", "annotations"] {
                    let (old, new) = (old.get(key).and_then(|m| m.get(part)), new.get(key).and_then(|m| m.get(part)));
                    walk.child(part, old, new);
                }
                walk.path.pop();
            }
            key => walk.child(key, old.get(key), new.get(key)),
        }
    }
    walk.out
}

struct Walk<'a> {
    out: Vec<Difference>,
    ignore: &'a [Vec<String>],
    path: Vec<String>,
}

impl Walk<'_> {
    fn child(&mut self, name: &str, live: Option<&Value>, new: Option<&Value>) {
        if live == new || (is_empty(live) && is_empty(new)) {
            return;
        }
        self.path.push(name.to_owned());
        if !self.ignore.contains(&self.path) {
            self.compare(live, new);
        }
        self.path.pop();
    }

    fn compare(&mut self, live: Option<&Value>, new: Option<&Value>) {
        let empty = Map::new();
        let object = |value: Option<&'_ Value>| value.is_none_or(|value| value.is_null() || value.is_object());
        let deeper = self.path.len() < DEPTH_LIMIT;
        let both = live.is_some_and(Value::is_object) && new.is_some_and(Value::is_object);
        // Into objects also where one side has none: something below may be ignored.
        if deeper && object(live) && object(new) && (both || self.ignores_below()) {
            let (old, new) = (live.and_then(Value::as_object), new.and_then(Value::as_object));
            for key in keys(old.unwrap_or(&empty), new.unwrap_or(&empty)) {
                self.child(key, old.and_then(|m| m.get(key)), new.and_then(|m| m.get(key)));
            }
            return;
        }
        if let (Some(Value::Array(old)), Some(Value::Array(new))) = (live, new)
            && old.len() == new.len()
            && deeper
        {
            for (i, (old, new)) in old.iter().zip(new).enumerate() {
                self.child(&i.to_string(), Some(old), Some(new));
            }
            return;
        }
        self.out.push(Difference { pointer: pointer(&self.path), live: live.cloned(), desired: new.cloned() });
    }

    fn ignores_below(&self) -> bool {
        self.ignore.iter().any(|i| i.len() > self.path.len() && i.starts_with(&self.path))
    }
}

fn keys<'m>(a: &'m Map<String, Value>, b: &'m Map<String, Value>) -> Vec<&'m str> {
    let own = b.keys().filter(|key| !a.contains_key(*key));
    a.keys().chain(own).map(String::as_str).collect()
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

fn pointer(path: &[String]) -> String {
    path.iter().map(|segment| format!("/{}", segment.replace('~', "~0").replace('/', "~1"))).collect()
}
