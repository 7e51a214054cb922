//! ConfigMaps and Secrets from files, literals and env files.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sluice_yaml::{Map, Value};

use crate::errors::Error;
use crate::kustomization::{GeneratorArgs, GeneratorOptions};
use crate::loader::{Loader, NoFile};
use crate::resource::{Behavior, Resource, child_map};
use crate::scalar::needs_quotes;

/// Longest key of a ConfigMap or Secret.
const KEY_BYTES: usize = 253;

/// Reads what generator fields name.
pub(crate) struct KeyValues<'l, 'a> {
    pub(crate) loader: &'l Loader<'a>,
}

/// `generatorOptions` with the generator's own `options` over it.
pub(crate) fn with_global_options(args: &GeneratorArgs, global: Option<&GeneratorOptions>) -> GeneratorArgs {
    let mut args = args.clone();
    let Some(global) = global else { return args };
    let own = args.options.get_or_insert_with(GeneratorOptions::default);
    for (map, more) in [(&mut own.labels, &global.labels), (&mut own.annotations, &global.annotations)] {
        for (key, value) in more {
            map.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    own.disable_name_suffix_hash |= global.disable_name_suffix_hash;
    own.immutable |= global.immutable;
    args
}

/// A ConfigMap or Secret.
///
/// # Errors
/// When there is no name, a key is no key or stands there twice, or a file is not there.
pub(crate) fn make(kind: &str, args: &GeneratorArgs, values: &KeyValues<'_, '_>) -> Result<Resource, Error> {
    if args.name.is_empty() {
        return Err(Error::new(format!("a {kind} must have a name; set `name`")).at(&[]));
    }
    let data = values.all(kind, args)?;
    let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": args.name}});
    if !args.namespace.is_empty() {
        object["metadata"]["namespace"] = args.namespace.as_str().into();
    }
    if kind == "Secret" {
        let secret_type = if args.secret_type.is_empty() { "Opaque" } else { &args.secret_type };
        object["type"] = secret_type.into();
        let data: Map<String, Value> =
            data.into_iter().map(|(key, bytes)| (key, base64_lines(&bytes).into())).collect();
        object["data"] = data.into();
    } else {
        for (key, bytes) in data {
            let (field, value) = match String::from_utf8(bytes) {
                Ok(text) => ("data", text),
                Err(error) => ("binaryData", base64_lines(error.as_bytes())),
            };
            if is_tab_trouble(&value) {
                return Err(Error::new(format!(
                    "the text of `{key}` begins with a tab, which kustomize cannot write; put a space or a line before it"
                )));
            }
            if let Some(map) = child_map(&mut object, field) {
                map.insert(key, value.into());
            }
        }
    }
    let options = args.options.clone().unwrap_or_default();
    for (field, map) in [("labels", options.labels), ("annotations", options.annotations)] {
        if let Some(key) = map.keys().find(|key| needs_quotes(key)) {
            return Err(no_text_key(&format!("the key `{key}` of `options.{field}`"), kind));
        }
        if !map.is_empty() {
            object["metadata"][field] = map.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
        }
    }
    if options.immutable {
        object["immutable"] = true.into();
    }
    let mut resource = Resource::new(object);
    resource.behavior = Behavior::parse(&args.behavior);
    resource.needs_hash = !options.disable_name_suffix_hash;
    Ok(resource)
}

/// kustomize writes multi-line text as a block, and a block cannot begin with a tab.
fn is_tab_trouble(text: &str) -> bool {
    let plain = |c: char| c == '\t' || c == '\n' || !c.is_control();
    text.starts_with('\t')
        && text.contains('\n')
        && !text.contains(" \n")
        && !text.ends_with(' ')
        && text.chars().all(plain)
}

/// Base64, cut into lines of 70 where it is longer, as kustomize writes it.
fn base64_lines(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let text = STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    for line in text.as_bytes().chunks(LINE) {
        lines.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        lines.push('\n');
    }
    lines
}

impl KeyValues<'_, '_> {
    fn all(&self, kind: &str, args: &GeneratorArgs) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let mut pairs = Vec::new();
        for (index, path) in args.envs.iter().enumerate() {
            let step = index.to_string();
            let file = self.loader.load(path).map_err(NoFile::error)?;
            env_file(&file.bytes, &mut pairs)
                .map_err(|(line, message)| Error::in_file(&file.path, Some(line), message).at(&["envs", &step]))?;
        }
        for literal in &args.literals {
            pairs.push(self::literal(literal)?);
        }
        for source in &args.files {
            let (key, path) = file_source(source)?;
            let file = self.loader.load(path).map_err(NoFile::error)?;
            pairs.push((key.to_owned(), file.bytes.to_vec()));
        }
        let mut data = BTreeMap::new();
        for (key, value) in pairs {
            check_key(&key)?;
            if needs_quotes(&key) {
                return Err(no_text_key(&format!("the key `{key}`"), kind));
            }
            if data.contains_key(&key) {
                return Err(Error::new(format!("{kind} `{}` has the key `{key}` twice; leave one out", args.name)));
            }
            data.insert(key, value);
        }
        Ok(data)
    }
}

/// kustomize itself takes any key; those that no server can ever take are refused.
fn check_key(key: &str) -> Result<(), Error> {
    if key.len() > KEY_BYTES || key == "." || key.starts_with("..") {
        let shown: String = key.chars().take(80).collect();
        return Err(Error::new(format!(
            "`{}` is no key: not longer than {KEY_BYTES}, not `.`, not beginning with `..`",
            shown.escape_debug()
        )));
    }
    Ok(())
}

fn no_text_key(key: &str, kind: &str) -> Error {
    Error::new(format!(
        "{key} is a number or a boolean to kustomize, which then cannot print the {kind}; quote it if it is `y` or `n`, or \
         use another"
    ))
}

/// `KEY=VALUE`, one pair of quotes around the value taken away.
fn literal(text: &str) -> Result<(String, Vec<u8>), Error> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => (key, value),
        _ => return Err(Error::new("invalid literal source, expected `key=value`")),
    };
    let quoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    Ok((key.to_owned(), quoted.unwrap_or(value).as_bytes().to_vec()))
}

/// `PATH` or `KEY=PATH`.
fn file_source(source: &str) -> Result<(&str, &str), Error> {
    let base = || {
        let trimmed = source.trim_end_matches('/');
        trimmed.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(".")
    };
    match source.split_once('=') {
        None => Ok((base(), source)),
        Some((_, rest)) if rest.contains('=') => {
            Err(Error::new(format!("source `{source}`: key name or file path contains `=`")))
        }
        Some(("", path)) => Err(Error::new(format!("missing key name for file path `{path}` in source `{source}`"))),
        Some((key, "")) => Err(Error::new(format!("missing file path for key name `{key}` in source `{source}`"))),
        Some(pair) => Ok(pair),
    }
}

/// Lines `KEY=VALUE`; a key alone has an empty value; `#` begins a comment line.
fn env_file(bytes: &[u8], pairs: &mut Vec<(String, Vec<u8>)>) -> Result<(), (u32, String)> {
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| (number, "not UTF-8".to_owned()))?;
        let line = if number == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            pairs.push((key.to_owned(), value.as_bytes().to_vec()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_base64_is_cut_into_lines() {
        assert_eq!(base64_lines(b"abc"), "YWJj");
        let lines = base64_lines(&[b'a'; 60]);
        assert_eq!(lines.split('\n').map(str::len).collect::<Vec<_>>(), [70, 10, 0]);
    }

    #[test]
    fn a_literal_loses_one_pair_of_quotes() {
        assert_eq!(literal("a=\"'b'\"").unwrap().1, b"'b'");
        assert_eq!(literal("a=\"").unwrap().1, b"\"");
        assert!(literal("=x").is_err() && literal("x").is_err());
    }

    #[test]
    fn an_env_file_has_comments_and_bare_keys() {
        let mut pairs = Vec::new();
        env_file("\u{feff}A=1\r\n# x\n  B\nC=d=e\n".as_bytes(), &mut pairs).unwrap();
        let want = [("A", "1"), ("B", ""), ("C", "d=e")].map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec()));
        assert_eq!(pairs, want);
    }
}
