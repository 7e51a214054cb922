//! Sets the marked fields of all files below a folder.

use std::collections::BTreeMap;

use sluice_tree::{Entry, Tree};

use crate::changed::Changed;
use crate::setters::{EditError, Setters};

/// What an update takes at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a file; larger ones are passed over.
    pub file_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 10 << 20 }
    }
}

/// What an update does.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// The files that change, by their path in the tree, with their whole new text.
    pub files: BTreeMap<String, String>,
    /// What changes in them.
    pub changed: Changed,
}

/// Why nothing was updated.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UpdateError {
    /// `spec.update.path` names nothing.
    #[error("walking path for files: lstat {0}: no such file or directory")]
    NoSuchPath(String),
    /// A file stops the run.
    #[error(transparent)]
    File(#[from] EditError),
}

/// Sets the marked fields of the files of `tree` below `path` (`spec.update.path`; `..` never leads out of the tree).
/// Looked at are `.yaml`, `.yml` and files named `Kustomization`, in hidden folders too; links are not followed, since
/// what they name is found where it lies.
///
/// # Errors
/// When there is no such path, or a file stops the run.
pub fn update(tree: &Tree, path: &str, setters: &Setters, limits: &Limits) -> Result<Update, UpdateError> {
    let path = jailed(path);
    let mut update = Update::default();
    if tree.is_file(&path) {
        let name = sluice_tree::path::file_name(&path).to_owned();
        one(tree, &path, &name, setters, limits, &mut update)?;
        return Ok(update);
    }
    if !path.is_empty() && !tree.is_dir(&path) {
        return Err(UpdateError::NoSuchPath(path));
    }
    for (file, entry) in tree.walk_in(&path) {
        if matches!(entry, Entry::File { .. }) {
            let relative = file.strip_prefix(path.as_str()).unwrap_or(file).trim_start_matches('/').to_owned();
            one(tree, file, &relative, setters, limits, &mut update)?;
        }
    }
    Ok(update)
}

fn one(
    tree: &Tree,
    file: &str,
    relative: &str,
    setters: &Setters,
    limits: &Limits,
    update: &mut Update,
) -> Result<(), UpdateError> {
    let name = sluice_tree::path::file_name(file);
    if !(name.ends_with(".yaml") || name.ends_with(".yml") || name == "Kustomization") {
        return Ok(());
    }
    let Some(Entry::File { data, .. }) = tree.get(file) else { return Ok(()) };
    if data.len() > limits.file_bytes {
        return Ok(());
    }
    let Ok(text) = std::str::from_utf8(data) else { return Ok(()) };
    if let Some(edited) = setters.edit(relative, text)? {
        for (object, change) in edited.changes {
            update.changed.add(relative, &object, change);
        }
        update.files.insert(file.to_owned(), edited.text);
    }
    Ok(())
}

/// A path that stays below the root whatever it says: `..` at the root is the root.
fn jailed(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
