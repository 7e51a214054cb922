//! What differs between two states of an object, field by field.

use std::fmt::Write as _;

use serde_json::Value;

/// A field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// `spec.template.spec.containers[web].image`.
    pub path: String,
    /// What it was; `None` when it was not set.
    pub old: Option<Value>,
    /// What it becomes; `None` when it is removed.
    pub new: Option<Value>,
}

/// Keys that tell list items apart, the first that all items have.
const KEYS: [&str; 6] = ["name", "containerPort", "port", "mountPath", "key", "id"];
/// What is shown of a value at most.
const SHOWN: usize = 120;

/// The fields that differ. Values of Secrets are hidden, but whether they differ is told.
pub fn fields(old: &Value, new: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    compare("", Some(old), Some(new), &mut fields);
    if sluice_object::kind(old) == "Secret" || sluice_object::kind(new) == "Secret" {
        for field in &mut fields {
            if ["data", "stringData"].iter().any(|it| field.path == *it || field.path.starts_with(&format!("{it}."))) {
                field.old = field.old.take().map(|_| "*** (before)".into());
                field.new = field.new.take().map(|_| "*** (after)".into());
            }
        }
    }
    fields
}

fn compare(path: &str, old: Option<&Value>, new: Option<&Value>, fields: &mut Vec<Field>) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).collect();
            keys.sort();
            for key in keys {
                compare(&child(path, key), a.get(key), b.get(key), fields);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => match key_of(a, b) {
            Some(key) => {
                let find = |items: &[Value], id: &Value| items.iter().position(|it| it.get(key) == Some(id));
                for item in a {
                    let there = find(b, &item[key]).map(|index| &b[index]);
                    compare(&format!("{path}[{}]", text(&item[key])), Some(item), there, fields);
                }
                for item in b.iter().filter(|item| find(a, &item[key]).is_none()) {
                    compare(&format!("{path}[{}]", text(&item[key])), None, Some(item), fields);
                }
            }
            None => {
                for index in 0..a.len().max(b.len()) {
                    compare(&format!("{path}[{index}]"), a.get(index), b.get(index), fields);
                }
            }
        },
        (old, new) => fields.push(Field { path: path.to_owned(), old: old.cloned(), new: new.cloned() }),
    }
}

/// A key with dots in it is quoted, so that the path can be read.
fn child(path: &str, key: &str) -> String {
    let key = if key.contains(['.', '/', '[']) { format!("[{key}]") } else { key.to_owned() };
    if path.is_empty() || key.starts_with('[') { format!("{path}{key}") } else { format!("{path}.{key}") }
}

fn key_of(a: &[Value], b: &[Value]) -> Option<&'static str> {
    let unique = |items: &[Value], key: &str| {
        let mut ids: Vec<String> = Vec::with_capacity(items.len());
        let all = items.iter().all(|it| match it.get(key) {
            Some(id @ (Value::String(_) | Value::Number(_))) => {
                ids.push(id.to_string());
                true
            }
            _ => false,
        });
        ids.sort_unstable();
        all && ids.windows(2).all(|pair| pair[0] != pair[1])
    };
    KEYS.into_iter().find(|key| unique(a, key) && unique(b, key))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value on one line.
pub fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) if !text.is_empty() && !text.contains('\n') => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= SHOWN {
        return text;
    }
    let cut: String = text.chars().take(SHOWN).collect();
    format!("{cut}…")
}

/// The fields as lines: `path: old → new`, texts of several lines as lines that go and come.
pub fn lines(fields: &[Field], indent: &str) -> String {
    let mut out = String::new();
    for Field { path, old, new } in fields {
        match (old, new) {
            (Some(Value::String(old)), Some(Value::String(new))) if old.contains('\n') || new.contains('\n') => {
                let _ = writeln!(out, "{indent}{path}:");
                for (mark, line) in line_changes(old, new) {
                    let _ = writeln!(out, "{indent}  {mark} {line}");
                }
            }
            (Some(old), Some(new)) => {
                let _ = writeln!(out, "{indent}{path}: {} → {}", shown(old), shown(new));
            }
            (None, Some(new)) => {
                let _ = writeln!(out, "{indent}+ {path}: {}", shown(new));
            }
            (Some(old), None) => {
                let _ = writeln!(out, "{indent}- {path}: {}", shown(old));
            }
            (None, None) => {}
        }
    }
    out
}

/// The lines between what two texts have in common at their beginning and end.
fn line_changes<'a>(old: &'a str, new: &'a str) -> Vec<(char, &'a str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let gone = old[..old.len() - end].iter().map(|line| ('-', *line));
    gone.chain(new[..new.len() - end].iter().map(|line| ('+', *line))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(old: Value, new: Value, want: &str) {
        assert_eq!(lines(&fields(&old, &new), ""), want);
    }

    #[test]
    fn equal_objects_differ_in_nothing() {
        check(json!({"a": [1, {"b": 2}]}), json!({"a": [1, {"b": 2}]}), "");
    }

    #[test]
    fn list_items_are_told_apart_by_name() {
        let old = json!({"c": [{"name": "web", "image": "a"}, {"name": "log", "image": "x"}]});
        let new = json!({"c": [{"name": "new", "image": "n"}, {"name": "web", "image": "b"}]});
        check(
            old,
            new,
            "c[web].image: a → b\n- c[log]: {\"image\":\"x\",\"name\":\"log\"}\n+ c[new]: {\"image\":\"n\",\"name\":\"new\"}\n",
        );
        check(json!({"a": [1, 2]}), json!({"a": [1, 3, 4]}), "a[1]: 2 → 3\n+ a[2]: 4\n");
    }

    #[test]
    fn keys_with_dots_are_in_brackets() {
        let labels = |value: &str| json!({"metadata": {"labels": {"app.kubernetes.io/name": value}}});
        check(labels("a"), labels("b"), "metadata.labels[app.kubernetes.io/name]: a → b\n");
    }

    #[test]
    fn long_texts_show_the_lines_that_change() {
        check(json!({"d": "a\nb\nc\n"}), json!({"d": "a\nB\nc\n"}), "d:\n  - b\n  + B\n");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = |value: &str| json!({"kind": "Secret", "data": {"password": value}, "type": "Opaque"});
        check(secret("czNjcjN0"), secret("aHVudGVyMg=="), "data.password: *** (before) → *** (after)\n");
        let bare = json!({"kind": "Secret", "type": "Opaque"});
        check(bare, secret("czNjcjN0"), "+ data: *** (after)\n");
    }
}
