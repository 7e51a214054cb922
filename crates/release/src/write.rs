//! Writing the objects of a release: apply, create, patch, delete.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use kube::api::PropagationPolicy;
use serde_json::Value;
use sluice_apply::{Action, Change, IgnoreRules, Marks};
use sluice_object::schema::builtin;
use sluice_runtime::Live;
use tracing::debug;

use crate::Release;
use crate::error::{Wrong, text};
use crate::objects::{Object, gone, is_kept, named};

/// How objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// By server-side apply, with force.
    Apply,
    /// By create, and a three-way merge with what was written last.
    Merge {
        /// Replace instead of merge.
        force: bool,
    },
}

impl Release<'_> {
    /// What is live of each object; refuses those that are not this release's unless they are to be taken.
    pub(crate) async fn look(
        &self,
        objects: &[Object],
        ours: &[Object],
        take_ownership: bool,
    ) -> Result<Vec<Option<Live<Marks>>>, String> {
        let ours: BTreeMap<String, ()> = ours.iter().map(|it| (it.id(), ())).collect();
        let mut found = Vec::with_capacity(objects.len());
        for object in objects {
            let failed = |error: kube::Error| {
                format!("could not get information about the resource {}: {}", named(&object.desired), text(&error))
            };
            let live = self.applier.glance(&object.at).await.map_err(failed)?;
            if live.is_some() && !take_ownership && !ours.contains_key(&object.id()) {
                let live = self.applier.read(&object.at).await.map_err(failed)?;
                if let Some(why) = live.as_ref().and_then(|live| self.foreign(live)) {
                    let at = &object.at.object;
                    return Err(format!(
                        "{} in namespace \"{}\" exists and cannot be imported into the current release: {why}",
                        named(&object.desired),
                        at.namespace
                    ));
                }
            }
            found.push(live);
        }
        Ok(found)
    }

    /// Writes the objects, those of one kind side by side, kinds in their order. What was written is in `changes` even
    /// when a later one fails.
    pub(crate) async fn write(
        &self,
        objects: &[Object],
        live: &[Option<Live<Marks>>],
        before: &[Object],
        method: Method,
        changes: &mut Vec<Change>,
    ) -> Result<(), Wrong> {
        let before: BTreeMap<String, &Object> = before.iter().map(|it| (it.id(), it)).collect();
        let all: Vec<(&Object, Option<&Live<Marks>>)> = objects.iter().zip(live.iter().map(Option::as_ref)).collect();
        for batch in all.chunk_by(|(a, _), (b, _)| a.at.object.gvk.kind == b.at.object.gvk.kind) {
            self.check_stop()?;
            let writes = batch.iter().map(|(object, live)| {
                let before = before.get(&object.id()).map(|it| &it.desired);
                self.write_one(object, *live, before, method)
            });
            let writes: Vec<_> = writes.collect();
            let mut failures = Vec::new();
            for written in stream::iter(writes).buffered(self.applier.concurrent.max(1)).collect::<Vec<_>>().await {
                match written {
                    Ok(change) => changes.push(change),
                    Err(failure) => failures.push(failure),
                }
            }
            if !failures.is_empty() {
                return Err(failures.join("; ").into());
            }
        }
        Ok(())
    }

    async fn write_one(
        &self,
        object: &Object,
        live: Option<&Live<Marks>>,
        before: Option<&Value>,
        method: Method,
    ) -> Result<Change, String> {
        let ignore = IgnoreRules::default();
        let Object { at, desired } = object;
        let written = match method {
            Method::Apply => self.applier.apply_one(self.owner, at, desired, live, &ignore).await,
            Method::Merge { force } => self.merge_one(object, live, before, force).await,
        };
        written.map_err(|error| {
            let failure = sluice_apply::Failure::new(at.object.clone(), "apply", desired, &error);
            format!("failed to apply object {}: {}", at.object, failure.message)
        })
    }

    async fn merge_one(
        &self,
        object: &Object,
        live: Option<&Live<Marks>>,
        before: Option<&Value>,
        force: bool,
    ) -> Result<Change, kube::Error> {
        let Object { at, desired } = object;
        let there = if live.is_some() { self.applier.read(at).await? } else { None };
        let (action, answer) = match there {
            None => (Action::Created, self.applier.create(at, desired).await?),
            Some(there) if force => {
                let mut desired = desired.clone();
                if let (Some(metadata), version) =
                    (sluice_object::metadata_mut(&mut desired), sluice_object::resource_version(&there))
                {
                    metadata.insert("resourceVersion".to_owned(), version.into());
                }
                (Action::Configured, self.applier.replace(at, &desired).await?)
            }
            Some(there) => {
                let original = before.unwrap_or(desired);
                let node = builtin().node(&at.object.gvk);
                let patch = three_way(original, desired, &there, node);
                match patch {
                    Some(patch) => (Action::Configured, self.applier.merge(at, &patch, node.is_some()).await?),
                    None => (Action::Unchanged, there),
                }
            }
        };
        self.applier.remember(self.owner, at, desired, &IgnoreRules::default(), &answer);
        Ok(Change { object: at.object.clone(), action, live: Some(std::sync::Arc::new(answer)), contested: None })
    }

    /// Deletes those of `before` that are not wanted any more and do not ask to be kept. An error with one does not
    /// stop the others, and fails nothing, as in Helm.
    pub(crate) async fn delete_gone(&self, before: Vec<Object>, objects: &[Object]) {
        for object in gone(before, objects) {
            match self.applier.read(&object.at).await {
                Ok(Some(live)) if is_kept(&live) => debug!(object = %object.at.object, "kept by its resource policy"),
                Ok(Some(live)) => {
                    let uid = sluice_object::uid(&live);
                    let deleted = self.applier.delete_one(&object.at, Some(uid), PropagationPolicy::Background).await;
                    if let Err(error) = deleted {
                        debug!(object = %object.at.object, error = %text(&error), "could not be deleted");
                    }
                }
                Ok(None) => {}
                Err(error) => debug!(object = %object.at.object, error = %text(&error), "could not be read"),
            }
        }
    }

    /// Deletes what a failed action created.
    pub(crate) async fn clean_up(&self, objects: &[Object], changes: &[Change]) {
        let created = changes.iter().filter(|it| it.action == Action::Created);
        for change in created {
            let Some(object) = objects.iter().find(|it| it.at.object == change.object) else { continue };
            let uid = change.live.as_ref().map(|live| sluice_object::uid(live).to_owned());
            let deleted = self.applier.delete_one(&object.at, uid.as_deref(), PropagationPolicy::Background).await;
            if let Err(error) = deleted {
                debug!(object = %change.object, error = %text(&error), "could not be deleted");
            }
        }
    }
}

/// The patch from what was written last to what is wanted, seen from what is live; `None` when there is none.
fn three_way(
    original: &Value,
    desired: &Value,
    live: &Value,
    node: Option<sluice_object::schema::Node<'_>>,
) -> Option<Value> {
    let patch = match node {
        Some(node) => {
            use sluice_object::patch::{Conflicts, three_way};
            three_way(original, desired, live, node, Conflicts::Overwrite).ok()?
        }
        None => merge_three_way(original, desired, live),
    };
    patch.as_object().is_some_and(|it| !it.is_empty()).then_some(patch)
}

/// A JSON merge patch: what is wanted otherwise than it is live, and `null` for what is wanted no more.
fn merge_three_way(original: &Value, desired: &Value, live: &Value) -> Value {
    let mut patch = sluice_runtime::status::merge_patch(live, desired).unwrap_or_default();
    keep_wanted(&mut patch, original, desired);
    patch
}

/// Takes deletions of what was never written out of a patch.
fn keep_wanted(patch: &mut Value, original: &Value, desired: &Value) {
    let Some(fields) = patch.as_object_mut() else { return };
    fields.retain(|key, value| {
        let (was, wanted) = (original.get(key), desired.get(key));
        if value.is_null() && wanted.is_none() {
            return was.is_some();
        }
        if value.is_object() && wanted.is_some_and(Value::is_object) {
            keep_wanted(value, was.unwrap_or(&Value::Null), wanted.unwrap_or(&Value::Null));
            return value.as_object().is_some_and(|it| !it.is_empty());
        }
        true
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_deletes_only_what_was_written_before() {
        let original = json!({"spec": {"a": 1, "b": 2}});
        let desired = json!({"spec": {"a": 1, "c": {"d": 1}}});
        let live = json!({"spec": {"a": 5, "b": 2, "x": 9, "c": {"e": 2}}, "status": {}});
        assert_eq!(merge_three_way(&original, &desired, &live), json!({"spec": {"a": 1, "b": null, "c": {"d": 1}}}));
    }
}
