//! `configMapGenerator` and `secretGenerator`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use super::file::File;
use super::glob;
use crate::output::talk;

/// What is generated.
pub enum Kind {
    ConfigMap,
    /// With its type, where one is added.
    Secret(String),
}

impl Kind {
    fn field(&self) -> &'static str {
        match self {
            Self::ConfigMap => "configMapGenerator",
            Self::Secret(_) => "secretGenerator",
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret(_) => "secret",
        }
    }
}

#[derive(Args)]
pub struct AddArgs {
    /// Name, before the hash
    name: String,
    /// File with KEY=VALUE lines
    #[arg(long)]
    from_env_file: Option<String>,
    /// FILE or KEY=FILE
    #[arg(long, value_delimiter = ',')]
    from_file: Vec<String>,
    /// KEY=VALUE
    #[arg(long)]
    from_literal: Vec<String>,
    /// Namespace
    #[arg(long)]
    namespace: Option<String>,
    /// create, merge or replace
    #[arg(long)]
    behavior: Option<String>,
    /// No hash at the end of the name
    #[arg(long = "disableNameSuffixHash", alias = "disable-name-suffix-hash")]
    no_hash: bool,
}

#[derive(Args)]
pub struct RemoveArgs {
    /// Names, separated by blanks or commas
    #[arg(required = true, value_delimiter = ',')]
    names: Vec<String>,
    /// Their namespace
    #[arg(long)]
    namespace: Option<String>,
}

#[derive(Args)]
pub struct SetArgs {
    /// Name, before the hash
    name: String,
    /// KEY=VALUE of a key that is there
    #[arg(long)]
    from_literal: Vec<String>,
    /// Its namespace
    #[arg(long)]
    namespace: Option<String>,
    /// The namespace that it gets
    #[arg(long)]
    new_namespace: Option<String>,
}

/// Nothing and `default` are the same namespace.
fn same_namespace(item: &Value, namespace: Option<&str>) -> bool {
    let word = |namespace: Option<&str>| namespace.filter(|it| !it.is_empty()).unwrap_or("default").to_owned();
    word(item.get("namespace").and_then(Value::as_str)) == word(namespace)
}

/// `add configmap`, `add secret`
pub fn add(file: &mut File, dir: &Path, kind: Kind, args: &AddArgs) -> anyhow::Result<bool> {
    let files = check(file, dir, args)?;
    let list = file.list(kind.field())?;
    let place =
        list.iter().position(|it| it["name"] == args.name.as_str() && same_namespace(it, args.namespace.as_deref()));
    let mut item = place.map(|place| list[place].clone()).unwrap_or_else(|| json!({ "name": args.name }));
    if place.is_none() {
        if let Some(namespace) = &args.namespace {
            item["namespace"] = json!(namespace);
        }
        if let Kind::Secret(of) = &kind {
            item["type"] = json!(of);
        }
    }
    if let Some(behavior) = &args.behavior {
        item["behavior"] = json!(behavior);
    }
    if args.no_hash {
        item["options"]["disableNameSuffixHash"] = json!(true);
    }
    extend(&mut item, "literals", &args.from_literal);
    extend(&mut item, "files", &files);
    extend(&mut item, "envs", args.from_env_file.as_slice());
    let mut keys = BTreeSet::new();
    for key in keys_of(&item, dir) {
        if !keys.insert(key.clone()) {
            bail!("failed to create {}: {} {} illegally repeats the key `{key}`", kind.word(), kind.word(), args.name);
        }
    }
    match place {
        Some(place) => list[place] = item,
        None => list.push(item),
    }
    Ok(true)
}

/// What the flags say, looked at; the files that patterns name.
fn check(file: &File, dir: &Path, args: &AddArgs) -> anyhow::Result<Vec<String>> {
    if args.from_env_file.is_some() && !(args.from_file.is_empty() && args.from_literal.is_empty()) {
        bail!("failed to validate flags: from-env-file cannot be combined with from-file or from-literal");
    }
    let mut files = Vec::new();
    for source in &args.from_file {
        let (key, pattern) = source.split_once('=').map_or(("", source.as_str()), |(key, path)| (key, path));
        let mut found = glob::matches(dir, pattern);
        if let [folder] = found.as_slice()
            && dir.join(folder).is_dir()
        {
            found = glob::matches(dir, &format!("{}/*", folder.trim_end_matches('/')));
            found.retain(|path| dir.join(path).is_file());
        }
        if found.is_empty() {
            bail!("--from-file={source}: `{pattern}` has no match in `{}`", dir.display());
        }
        if !key.is_empty() && found.len() > 1 {
            bail!("--from-file={source}: `{pattern}` names {} files for one key", found.len());
        }
        files.extend(found.into_iter().map(|path| if key.is_empty() { path } else { format!("{key}={path}") }));
    }
    if args.from_env_file.is_none() && files.is_empty() && args.from_literal.is_empty() {
        bail!("failed to validate flags: at least from-env-file, or from-file or from-literal must be set");
    }
    if let Some(literal) = args.from_literal.iter().find(|literal| literal.find('=').is_none_or(|at| at == 0)) {
        bail!("invalid literal source {literal}, expected key=value");
    }
    if let Some(env) = args.from_env_file.as_ref().filter(|env| !dir.join(env).is_file()) {
        bail!("--from-env-file={env}: no such file in `{}`; nothing was added to {}", dir.display(), file.name());
    }
    if let Some(behavior) = args.behavior.as_ref().filter(|it| !["create", "merge", "replace"].contains(&it.as_str())) {
        bail!("invalid behavior `{behavior}`: must be one of create, merge, replace");
    }
    Ok(files)
}

fn extend(item: &mut Value, field: &str, words: &[String]) {
    if words.is_empty() {
        return;
    }
    let mut list = item.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    for word in words {
        // The same once more is nothing new.
        if !list.iter().any(|it| it == word) {
            list.push(json!(word));
        }
    }
    item[field] = Value::Array(list);
}

/// The keys that a generator makes, as far as its files can be read.
fn keys_of(item: &Value, dir: &Path) -> Vec<String> {
    let words = |field: &str| -> Vec<String> {
        let list = item.get(field).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut keys: Vec<String> = Vec::new();
    keys.extend(words("literals").iter().filter_map(|it| it.split_once('=')).map(|(key, _)| key.to_owned()));
    keys.extend(words("files").iter().map(|it| match it.split_once('=') {
        Some((key, _)) => key.to_owned(),
        None => it.rsplit('/').next().unwrap_or(it).to_owned(),
    }));
    for env in words("envs") {
        let text = fs::read_to_string(dir.join(env)).unwrap_or_default();
        let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
        keys.extend(lines.map(|line| line.split_once('=').map_or(line, |(key, _)| key).to_owned()));
    }
    keys
}

/// `remove configmap`, `remove secret`
pub fn remove(file: &mut File, kind: &Kind, args: &RemoveArgs) -> anyhow::Result<bool> {
    let list = file.list(kind.field())?;
    let before = list.len();
    for name in &args.names {
        let has = |item: &Value| item["name"] == name.as_str() && same_namespace(item, args.namespace.as_deref());
        if !list.iter().any(has) {
            talk::plain(&format!("{} {name} doesn't exist in kustomization file", kind.word()));
        }
        list.retain(|item| !has(item));
    }
    if list.len() == before {
        bail!(
            "no specified {}(s) were found in {}; with a namespace of its own, add --namespace",
            kind.word(),
            file.name()
        );
    }
    file.tidy(kind.field());
    Ok(true)
}

/// `set configmap`, `set secret`
pub fn set(file: &mut File, kind: &Kind, args: &SetArgs) -> anyhow::Result<bool> {
    if args.from_literal.is_empty() && args.new_namespace.is_none() {
        bail!("failed to validate flags: at least one of [--from-literal, --new-namespace] must be specified");
    }
    let name = file.name();
    let list = file.list(kind.field())?;
    let item =
        list.iter_mut().find(|it| it["name"] == args.name.as_str() && same_namespace(it, args.namespace.as_deref()));
    let item = item.with_context(|| format!("{name}: unable to find {} with name {:?}", kind.word(), args.name))?;
    for literal in &args.from_literal {
        let (key, _) =
            literal.split_once('=').with_context(|| format!("invalid literal source {literal}, expected key=value"))?;
        let literals = item.get_mut("literals").and_then(Value::as_array_mut);
        let starts = |it: &&mut Value| it.as_str().and_then(|it| it.split_once('=')).is_some_and(|(own, _)| own == key);
        let old = literals.and_then(|it| it.iter_mut().find(starts));
        *old.with_context(|| {
            format!("{name}: key '{key}' not found in {} {}; `add` adds it", kind.word(), args.name)
        })? = json!(literal);
    }
    if let Some(namespace) = &args.new_namespace {
        item["namespace"] = json!(namespace);
    }
    Ok(true)
}
