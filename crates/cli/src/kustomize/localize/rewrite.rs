//! Puts local paths in the place of addresses, and leaves every other byte of a file as it is.

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use sluice_yaml::{Dialect, Limits};

/// Fields of a kustomization that may name something elsewhere, and fields of their elements, where those are maps.
const KUSTOMIZATION: [(&str, &[&str]); 14] = [
    ("resources", &[]),
    ("bases", &[]),
    ("components", &[]),
    ("configurations", &[]),
    ("crds", &[]),
    ("generators", &[]),
    ("transformers", &[]),
    ("validators", &[]),
    ("patchesStrategicMerge", &[]),
    ("patchesJson6902", &["path"]),
    ("patches", &["path"]),
    ("replacements", &["path"]),
    ("configMapGenerator", &["files", "envs", "env"]),
    ("secretGenerator", &["files", "envs", "env"]),
];
/// The same of what configures a generator or transformer.
const PLUGIN: [&str; 5] = ["path", "paths", "files", "envs", "env"];

/// What kind of file is rewritten.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Kustomization,
    Plugin,
}

/// A scalar that may name something elsewhere.
struct Reference {
    document: usize,
    path: Vec<String>,
    address: String,
}

/// The addresses in a file that `known` has a local path for.
///
/// # Errors
/// When the file is not YAML.
pub fn addresses(text: &str, kind: Kind, known: &dyn Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
    let mut found: Vec<String> = references(text, kind, known)?.into_iter().map(|it| it.address).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The text with `local` in the place of each address that it knows.
///
/// # Errors
/// When an address is not written on one line, as itself.
pub fn rewrite(text: &str, kind: Kind, local: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<String> {
    let mut places = Vec::new();
    for reference in references(text, kind, &|address| local(address).is_some())? {
        let Reference { document, path, address } = reference;
        let steps: Vec<&str> = path.iter().map(String::as_str).collect();
        let spot = place(text, document, &steps, &address).with_context(|| {
            format!("{}: write `{address}` on one line, without escapes or anchors", path.join("."))
        })?;
        places.push((spot, address));
    }
    // From the end, so that what comes before keeps its place.
    places.sort();
    places.dedup();
    let mut text = text.to_owned();
    for (spot, address) in places.into_iter().rev() {
        let local = local(&address).unwrap_or_default();
        text.replace_range(spot..spot + address.len(), &local);
    }
    Ok(text)
}

fn references(text: &str, kind: Kind, known: &dyn Fn(&str) -> bool) -> anyhow::Result<Vec<Reference>> {
    let documents = sluice_yaml::parse_all(text, Dialect::V2, &Limits::default())?;
    let mut found = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let mut path = Vec::new();
        walk(&document.value, kind, &mut path, &mut |path, scalar| {
            // A generator's file may have a key in front.
            let keyed = scalar.split_once('=').map(|(_, address)| address);
            if let Some(address) = [Some(scalar), keyed].into_iter().flatten().find(|it| known(it)) {
                found.push(Reference { document: index, path: path.to_vec(), address: address.to_owned() });
            }
        });
        // kustomize reads one document of a kustomization.
        if kind == Kind::Kustomization {
            break;
        }
    }
    Ok(found)
}

fn walk(value: &Value, kind: Kind, path: &mut Vec<String>, found: &mut dyn FnMut(&[String], &str)) {
    let mut step = |name: String, value: &Value| {
        path.push(name);
        walk(value, kind, path, found);
        path.pop();
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| step(name.clone(), value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(index, value)| step(index.to_string(), value)),
        Value::String(scalar) if may_name(kind, path) => found(path, scalar),
        _ => {}
    }
}

/// Whether the field at `path` names a file or folder.
fn may_name(kind: Kind, path: &[String]) -> bool {
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let [first, rest @ ..] = path else { return false };
    if kind == Kind::Plugin {
        return PLUGIN.iter().any(|field| same(field, first));
    }
    if same(first, "openapi") {
        return matches!(rest, [field] if same(field, "path"));
    }
    let Some((_, fields)) = KUSTOMIZATION.iter().find(|(name, _)| same(name, first)) else { return false };
    match rest {
        [_] => fields.is_empty(),
        [_, field, ..] => fields.iter().any(|it| same(it, field)),
        [] => false,
    }
}

/// Where `address` stands in the text: on the line of its field, or of its item.
fn place(text: &str, document: usize, path: &[&str], address: &str) -> anyhow::Result<usize> {
    let mark = sluice_yaml::locate(text, document, path).ok_or_else(|| anyhow!("not found"))?;
    let lines = text.split_inclusive('\n');
    let start: usize = lines.take(mark.line as usize - 1).map(str::len).sum();
    let line = text[start..].split_inclusive('\n').next().unwrap_or("");
    let indent = line.char_indices().nth(mark.column as usize - 1).map_or(line.len(), |(at, _)| at);
    let at = line[indent..].find(address).ok_or_else(|| anyhow!("it stands elsewhere"))?;
    Ok(start + indent + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_changes() {
        let text = "# https://h/a.yaml stays\nresources:\n  - 'https://h/a.yaml' # here\n  - b.yaml\n\
                    configMapGenerator: [{name: a, files: [k=https://h/a.yaml], literals: [k=https://h/a.yaml]}]\n";
        let local = |address: &str| (address == "https://h/a.yaml").then(|| "localized-files/h/a.yaml".to_owned());
        let rewritten = rewrite(text, Kind::Kustomization, &local).unwrap();
        assert_eq!(
            rewritten,
            "# https://h/a.yaml stays\nresources:\n  - 'localized-files/h/a.yaml' # here\n  - b.yaml\n\
             configMapGenerator: [{name: a, files: [k=localized-files/h/a.yaml], literals: [k=https://h/a.yaml]}]\n"
        );
    }

    #[test]
    fn an_address_twice_on_a_line_is_two_places() {
        let text = "resources: [https://h/a.yaml, https://h/b.yaml, https://h/a.yaml]\n";
        let local = |address: &str| address.ends_with("a.yaml").then(|| "x".to_owned());
        let rewritten = rewrite(text, Kind::Kustomization, &local).unwrap();
        assert_eq!(rewritten, "resources: [x, https://h/b.yaml, x]\n");
    }

    #[test]
    fn an_address_that_is_written_otherwise_is_an_error() {
        let text = "resources: [\"https\\u003a//h/a.yaml\"]\n";
        let error = rewrite(text, Kind::Kustomization, &|_| Some("x".to_owned())).unwrap_err();
        assert!(error.to_string().contains("resources.0: write `https://h/a.yaml` on one line"), "{error}");
    }
}
