//! The records of a release: a Secret for each revision.

use kube::api::PropagationPolicy;
use sluice_apply::{Applier, Located};
use sluice_helm::release::{Record, Status, secret_name};
use sluice_object::{GroupVersionKind, ObjectRef};
use sluice_runtime::{GroupKind, Key};

use crate::error::text;

/// What one stored release may unpack to: far beyond what fits into a Secret honestly.
const RELEASE_BYTES: usize = 64 << 20;

/// Where the records of one release are.
#[derive(Clone)]
pub struct Storage<'a> {
    /// Reads and writes.
    pub applier: &'a Applier,
    /// The namespace of the Secrets.
    pub namespace: &'a str,
    /// The release's name.
    pub name: &'a str,
}

/// The record of the highest revision.
#[must_use]
pub fn latest(history: &[Record]) -> Option<&Record> {
    history.last()
}

impl Storage<'_> {
    async fn at(&self, version: i64) -> Result<Located, String> {
        let gvk = GroupVersionKind::new("", "v1", "Secret");
        let object = ObjectRef { gvk, namespace: self.namespace.to_owned(), name: secret_name(self.name, version) };
        let at = self.applier.locate(&object, self.namespace).await.map_err(|error| text(&error))?;
        at.ok_or_else(|| "the cluster has no Secrets".to_owned())
    }

    /// All records, lowest revision first.
    ///
    /// # Errors
    /// The API server's, or a record that cannot be read: then nothing is known of the release.
    pub async fn history(&self) -> Result<Vec<Record>, String> {
        let labels = format!("name={},owner=helm", self.name);
        let at = self.at(0).await?;
        // From now on the watch tells whether there is anything new.
        let _ = self.applier.index.watch(&at.at.resource).await;
        let secrets = self.applier.list(&at, &labels).await.map_err(|error| text(&error))?;
        let mut records = Vec::with_capacity(secrets.len());
        for mut secret in secrets {
            // Lists leave the type out of their items.
            secret["kind"] = "Secret".into();
            records.push(Record::from_secret(&secret, RELEASE_BYTES).map_err(|error| error.to_string())?);
        }
        records.sort_by_key(|record| record.version);
        Ok(records)
    }

    /// The version of a record's Secret, as a watch last told it; `None` when it is not there or not watched.
    #[must_use]
    pub fn seen(&self, version: i64) -> Option<String> {
        let kind = GroupKind { group: "".into(), kind: "Secret".into() };
        let key = Key::new(self.namespace, &secret_name(self.name, version));
        self.applier.index.get(&kind, &key).map(|live| live.resource_version.to_string())
    }

    /// Stores a new revision, after the oldest ones are deleted so that at most `most` are left; the one that is
    /// deployed stays. Returns the version of its Secret.
    pub(crate) async fn create(&self, record: &Record, history: &[Record], most: usize) -> Result<(), String> {
        for version in surplus(history, most) {
            self.delete(version).await?;
        }
        let secret = self.secret(record, true)?;
        self.applier.create(&self.at(record.version).await?, &secret).await.map(drop).map_err(|error| match &error {
            kube::Error::Api(status) if status.code == 409 => {
                "another operation (install/upgrade/rollback) is in progress".to_owned()
            }
            _ => format!("create: failed to create: {}", text(&error)),
        })
    }

    /// Replaces a stored revision.
    ///
    /// # Errors
    /// The API server's; a record that is too large.
    pub async fn update(&self, record: &Record) -> Result<(), String> {
        let secret = self.secret(record, false)?;
        let replaced = self.applier.replace(&self.at(record.version).await?, &secret).await;
        replaced.map(drop).map_err(|error| format!("update: failed to update: {}", text(&error)))
    }

    pub(crate) async fn delete(&self, version: i64) -> Result<(), String> {
        let at = self.at(version).await?;
        let deleted = self.applier.delete_one(&at, None, PropagationPolicy::Background).await;
        deleted.map(drop).map_err(|error| format!("delete: failed to delete: {}", text(&error)))
    }

    fn secret(&self, record: &Record, is_new: bool) -> Result<serde_json::Value, String> {
        let seconds = jiff::Timestamp::now().as_second();
        record.to_secret(self.namespace, seconds, is_new).map_err(|error| error.to_string())
    }
}

/// The revisions to delete so that one more makes at most `most`.
fn surplus(history: &[Record], most: usize) -> Vec<i64> {
    if most == 0 || history.len() < most {
        return Vec::new();
    }
    let deployed = history.iter().rev().find(|record| record.status() == Status::Deployed).map(|it| it.version);
    let goes = history.iter().map(|it| it.version).filter(|version| Some(*version) != deployed);
    goes.take(history.len() + 1 - most).collect()
}

#[cfg(test)]
mod tests {
    use sluice_helm::release::Info;

    use super::*;

    fn record(version: i64, status: Status) -> Record {
        Record { version, info: Some(Info { status, ..Info::default() }), ..Record::default() }
    }

    #[test]
    fn the_deployed_revision_outlives_the_history() {
        let history = [record(1, Status::Deployed), record(2, Status::Failed), record(3, Status::Failed)];
        assert_eq!(surplus(&history, 3), [2]);
        assert_eq!(surplus(&history, 2), [2, 3]);
        assert_eq!(surplus(&history, 4), [0i64; 0]);
        assert_eq!(surplus(&history, 0), [0i64; 0]);
    }
}
