//! Deleting what is no longer wanted (spec/flux/kustomize.md §6).

use kube::Error;
use serde_json::Value;
use sluice_object::{ObjectRef, order, uid};
use sluice_runtime::{GroupKind, Key};
use tokio_util::sync::CancellationToken;

use crate::error::Failure;
use crate::marks::Owner;
use crate::stage::Applier;

/// What became of one object that is no longer wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The server deletes it.
    Deleted,
    /// It was gone already, or its kind is.
    Gone,
    /// It is somebody else's now, or asks to be kept.
    Kept,
}

/// What became of all of them.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Those that are dealt with.
    pub done: Vec<(ObjectRef, Deleted)>,
    /// Those that could not be deleted; they stay in the inventory.
    pub failed: Vec<Failure>,
}

impl Applier {
    /// Deletes objects, last applied first. Each is read before: it must still carry the owner's labels, and the
    /// deletion is of the object that was read, not of a later one of its name.
    pub async fn prune(&self, owner: &Owner, mut objects: Vec<ObjectRef>, stop: &CancellationToken) -> Pruned {
        objects.sort_by(|a, b| order::compare_refs(b, a));
        let mut pruned = Pruned::default();
        let at = match self.resolve_all(&objects).await {
            Ok(at) => at,
            Err(error) => {
                // Whether a kind is gone cannot be known now, so nothing is (SECURITY F17).
                let failed = |object| Failure::new(object, "delete", &Value::Null, &error);
                pruned.failed = objects.into_iter().map(failed).collect();
                return pruned;
            }
        };
        for (n, object) in objects.into_iter().enumerate() {
            if stop.is_cancelled() {
                let error = Error::Service("interrupted".into());
                pruned.failed.push(Failure::new(object, "delete", &Value::Null, &error));
                continue;
            }
            let Some(at) = at.get(&n) else {
                pruned.done.push((object, Deleted::Gone));
                continue;
            };
            let key = Key::new(&object.namespace, &object.name);
            let outcome = match self.get(at, &key).await {
                Ok(None) => Ok(Deleted::Gone),
                Ok(Some(live)) if !owner.owns(&live) || owner.keeps(&live) => Ok(Deleted::Kept),
                Ok(Some(live)) => self.delete(at, &key, uid(&live)).await.map(|()| Deleted::Deleted),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(deleted) => {
                    self.memory.forget(&GroupKind::of(&at.resource), &key);
                    pruned.done.push((object, deleted));
                }
                Err(error) => pruned.failed.push(Failure::new(object, "delete", &Value::Null, &error)),
            }
        }
        pruned
    }

    /// Which of the objects are still there.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn remaining(&self, objects: &[ObjectRef]) -> Result<Vec<ObjectRef>, Error> {
        let at = self.resolve_all(objects).await?;
        let mut left = Vec::new();
        for (n, at) in &at {
            let object = &objects[*n];
            if self.get(at, &Key::new(&object.namespace, &object.name)).await?.is_some() {
                left.push(object.clone());
            }
        }
        Ok(left)
    }
}
