//! What an update changed: the data of a commit message's template (`.Changed`).

use std::collections::BTreeMap;

use serde::Serialize;

/// The object that a field belongs to; empty where the file has no object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ObjectIdentifier {
    /// `apiVersion`.
    #[serde(rename = "APIVersion")]
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
}

/// One field that was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// What it said.
    pub old_value: String,
    /// What it says.
    pub new_value: String,
    /// The marker: `namespace:name[:tag|:name|:digest]`.
    pub setter: String,
}

/// All changes of an update, by file and object; files relative to the update's path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Changed {
    /// `.Changed.FileChanges`: the changes in the order of the document.
    pub file_changes: BTreeMap<String, BTreeMap<ObjectIdentifier, Vec<Change>>>,
}

impl Changed {
    /// Records a change.
    pub fn add(&mut self, file: &str, object: &ObjectIdentifier, change: Change) {
        self.file_changes.entry(file.to_owned()).or_default().entry(object.clone()).or_default().push(change);
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file_changes.is_empty()
    }

    /// `.Changed.Objects`: the changes of each object over all files.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<ObjectIdentifier, Vec<Change>> {
        let mut objects: BTreeMap<ObjectIdentifier, Vec<Change>> = BTreeMap::new();
        for (object, changes) in self.file_changes.values().flatten() {
            objects.entry(object.clone()).or_default().extend(changes.iter().cloned());
        }
        objects
    }

    /// `.Changed.Changes`: each distinct change once.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let mut distinct: Vec<Change> = Vec::new();
        for change in self.file_changes.values().flat_map(BTreeMap::values).flatten() {
            if !distinct.contains(change) {
                distinct.push(change.clone());
            }
        }
        distinct
    }
}
