//! `patches`.

use std::path::Path;

use anyhow::bail;
use clap::Args;
use serde_json::{Map, Value, json};

use super::file::File;
use crate::output::talk;

#[derive(Args)]
pub struct PatchArgs {
    /// File with the patch
    #[arg(long)]
    path: Option<String>,
    /// The patch itself
    #[arg(long)]
    patch: Option<String>,
    /// API group of the patched objects
    #[arg(long)]
    group: Option<String>,
    /// API version of the patched objects
    #[arg(long)]
    version: Option<String>,
    /// Kind of the patched objects
    #[arg(long)]
    kind: Option<String>,
    /// Name of the patched objects
    #[arg(long)]
    name: Option<String>,
    /// Namespace of the patched objects
    #[arg(long)]
    namespace: Option<String>,
    /// Annotations of the patched objects
    #[arg(long)]
    annotation_selector: Option<String>,
    /// Labels of the patched objects
    #[arg(long)]
    label_selector: Option<String>,
}

impl PatchArgs {
    /// The item of `patches`.
    fn item(&self) -> anyhow::Result<Value> {
        let mut item = match (&self.path, &self.patch) {
            (Some(_), Some(_)) => bail!("patch and path can't be set at the same time"),
            (None, None) => bail!("must provide either patch or path"),
            (Some(path), None) => json!({ "path": path }),
            (None, Some(patch)) => json!({ "patch": patch }),
        };
        let parts = [
            ("group", &self.group),
            ("version", &self.version),
            ("kind", &self.kind),
            ("name", &self.name),
            ("namespace", &self.namespace),
            ("annotationSelector", &self.annotation_selector),
            ("labelSelector", &self.label_selector),
        ];
        let given = parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value.as_ref()?))));
        let target: Map<String, Value> = given.collect();
        if !target.is_empty() {
            item["target"] = Value::Object(target);
        }
        Ok(item)
    }

    fn shown(&self) -> String {
        self.path.clone().or_else(|| self.patch.clone()).unwrap_or_default()
    }
}

/// `add patch`
pub fn add(file: &mut File, dir: &Path, args: &PatchArgs) -> anyhow::Result<bool> {
    let item = args.item()?;
    if let Some(path) = &args.path
        && !dir.join(path).exists()
    {
        bail!("patch file `{path}` does not exist in `{}`; create it first", dir.display());
    }
    let list = file.list("patches")?;
    if list.contains(&item) {
        talk::plain(&format!("patch {} already in kustomization file", args.shown()));
        file.tidy("patches");
        return Ok(false);
    }
    list.push(item);
    Ok(true)
}

/// `remove patch`
pub fn remove(file: &mut File, args: &PatchArgs) -> anyhow::Result<bool> {
    let item = args.item()?;
    let list = file.list("patches")?;
    let before = list.len();
    list.retain(|patch| *patch != item);
    let changed = list.len() < before;
    if !changed {
        talk::plain(&format!("patch {} doesn't exist in kustomization file", args.shown()));
    }
    file.tidy("patches");
    Ok(changed)
}
