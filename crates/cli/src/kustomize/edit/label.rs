//! Labels and annotations for all objects.

use anyhow::bail;
use clap::Args;
use serde_json::{Map, Value, json};

use super::file::File;

#[derive(Args)]
pub struct AddLabel {
    /// KEY:VALUE
    #[arg(required = true)]
    pairs: Vec<String>,
    /// Also where another value is there
    #[arg(short, long)]
    force: bool,
    /// Into `labels`, which leaves selectors alone
    #[arg(long)]
    without_selector: bool,
    /// Into templates too; needs --without-selector
    #[arg(long)]
    include_templates: bool,
}

#[derive(Args)]
pub struct AddAnnotation {
    /// KEY:VALUE
    #[arg(required = true)]
    pairs: Vec<String>,
    /// Also where another value is there
    #[arg(short, long)]
    force: bool,
}

#[derive(Args)]
pub struct SetLabel {
    /// KEY:VALUE
    #[arg(required = true)]
    pairs: Vec<String>,
    /// Into `labels`, which leaves selectors alone
    #[arg(long)]
    without_selector: bool,
}

#[derive(Args)]
pub struct SetAnnotation {
    /// KEY:VALUE
    #[arg(required = true)]
    pairs: Vec<String>,
}

#[derive(Args)]
pub struct RemoveArgs {
    /// Keys, separated by blanks or commas
    #[arg(required = true, value_delimiter = ',')]
    keys: Vec<String>,
    /// What is not there is no error
    #[arg(short, long)]
    ignore_non_existence: bool,
}

/// Pairs as kustomize reads them: without a colon the value is empty.
fn parse(pairs: &[String], what: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut parsed = Vec::new();
    for pair in pairs {
        let (key, value) = pair.split_once(':').unwrap_or((pair, ""));
        if key.is_empty() {
            bail!("invalid {what}: `{pair}` (need k:v pair where v may be quoted)");
        }
        let bare = value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(value);
        parsed.push((key.to_owned(), bare.to_owned()));
    }
    Ok(parsed)
}

fn put(map: &mut Map<String, Value>, pairs: Vec<(String, String)>, what: &str, force: bool) -> anyhow::Result<bool> {
    if let Some((key, _)) = pairs.iter().find(|(key, _)| !force && map.contains_key(key)) {
        bail!("{what} {key} already in kustomization file. Use --force to override.");
    }
    for (key, value) in pairs {
        map.insert(key, json!(value));
    }
    Ok(true)
}

/// `add label`
pub fn add_labels(file: &mut File, args: &AddLabel) -> anyhow::Result<bool> {
    let pairs = parse(&args.pairs, "label")?;
    if args.include_templates && !args.without_selector {
        bail!("--without-selector flag must be specified for --include-templates to work");
    }
    if args.without_selector {
        return into_labels(file, pairs, args.include_templates, args.force);
    }
    put(file.map("commonLabels")?, pairs, "label", args.force)
}

/// Into the entry of `labels` that has the same flags, or a new one.
fn into_labels(file: &mut File, pairs: Vec<(String, String)>, templates: bool, force: bool) -> anyhow::Result<bool> {
    let list = file.list("labels")?;
    let flag = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_bool).unwrap_or(false);
    let alike = |entry: &&mut Value| {
        !flag(entry, "includeSelectors")
            && flag(entry, "includeTemplates") == templates
            && entry.get("fields").is_none()
    };
    if let Some(map) = list.iter_mut().find(alike).and_then(|entry| entry.get_mut("pairs")?.as_object_mut()) {
        return put(map, pairs, "label", force);
    }
    let mut map = Map::new();
    put(&mut map, pairs, "label", true)?;
    let mut entry = json!({ "pairs": map });
    if templates {
        entry["includeTemplates"] = json!(true);
    }
    list.push(entry);
    Ok(true)
}

/// `add annotation`
pub fn add_annotations(file: &mut File, args: &AddAnnotation) -> anyhow::Result<bool> {
    put(file.map("commonAnnotations")?, parse(&args.pairs, "annotation")?, "annotation", args.force)
}

/// `set label`
pub fn set_labels(file: &mut File, args: &SetLabel) -> anyhow::Result<bool> {
    let pairs = parse(&args.pairs, "label")?;
    if args.without_selector {
        return into_labels(file, pairs, false, true);
    }
    put(file.map("commonLabels")?, pairs, "label", true)
}

/// `set annotation`
pub fn set_annotations(file: &mut File, args: &SetAnnotation) -> anyhow::Result<bool> {
    put(file.map("commonAnnotations")?, parse(&args.pairs, "annotation")?, "annotation", true)
}

/// `remove label`
pub fn remove_labels(file: &mut File, args: &RemoveArgs) -> anyhow::Result<bool> {
    for key in &args.keys {
        let mut found = file.map("commonLabels")?.remove(key).is_some();
        let list = file.list("labels")?;
        for entry in list.iter_mut() {
            found |= entry.get_mut("pairs").and_then(Value::as_object_mut).is_some_and(|map| map.remove(key).is_some());
        }
        list.retain(|entry| !entry.get("pairs").and_then(Value::as_object).is_some_and(Map::is_empty));
        if !found && !args.ignore_non_existence {
            bail!("{}: label {key} is not defined in kustomization file", file.name());
        }
    }
    file.tidy("commonLabels");
    file.tidy("labels");
    Ok(true)
}

/// `remove annotation`
pub fn remove_annotations(file: &mut File, args: &RemoveArgs) -> anyhow::Result<bool> {
    for key in &args.keys {
        if file.map("commonAnnotations")?.remove(key).is_none() && !args.ignore_non_existence {
            bail!("{}: annotation {key} is not defined in kustomization file", file.name());
        }
    }
    file.tidy("commonAnnotations");
    Ok(true)
}
