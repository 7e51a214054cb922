//! One object at a time, for owners whose order of writes is not that of the stages: Helm's.

use std::sync::Arc;

use kube::api::PropagationPolicy;
use kube::api::{DeleteParams, DynamicObject, GetParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::request::Request as KubeRequest;
use kube::{Error, Resource};
use serde_json::Value;
use sluice_object::{ObjectRef, resource_version, uid};
use sluice_runtime::{GroupKind, Key, Live};

use crate::change::{Action, Change};
use crate::facts::{Marks, fingerprint, live_of};
use crate::ignore::IgnoreRules;
use crate::mapper::Mapped;
use crate::memory::digest;
use crate::stage::Applier;
use crate::takeover;

/// An object and where it lives on the server.
#[derive(Clone, Debug)]
pub struct Located {
    /// Which object; its namespace is empty where the kind has none.
    pub object: ObjectRef,
    /// Where its kind lives.
    pub at: Mapped,
}

impl Located {
    fn slot(&self) -> (GroupKind, Key) {
        (GroupKind::of(&self.at.resource), Key::new(&self.object.namespace, &self.object.name))
    }

    fn request(&self) -> KubeRequest {
        let namespace = self.at.namespaced.then_some(self.object.namespace.as_str());
        KubeRequest::new(DynamicObject::url_path(&self.at.resource, namespace))
    }
}

impl Applier {
    /// Where an object lives; one without a namespace, of a kind that needs one, is in `namespace`. `None` when the
    /// server does not have its kind.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn locate(&self, object: &ObjectRef, namespace: &str) -> Result<Option<Located>, Error> {
        let Some(at) = self.mapper.resolve(&object.gvk).await? else { return Ok(None) };
        let mut object = object.clone();
        match at.namespaced {
            false => object.namespace.clear(),
            true if object.namespace.is_empty() => namespace.clone_into(&mut object.namespace),
            true => {}
        }
        Ok(Some(Located { object, at }))
    }

    /// What is known of the live object: from a watch that is started for its kind, or by a request where the kind may
    /// not be listed.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn glance(&self, object: &Located) -> Result<Option<Live<Marks>>, Error> {
        let slot = object.slot();
        if self.index.knows(&slot.0) || self.index.watch(&object.at.resource).await.is_ok() {
            return Ok(self.index.get(&slot.0, &slot.1));
        }
        Ok(self.read(object).await?.as_ref().and_then(live_of))
    }

    /// The live object, asked for.
    ///
    /// # Errors
    /// As the API server says; that it is not there is none.
    pub async fn read(&self, object: &Located) -> Result<Option<Value>, Error> {
        let request = object.request().get(&object.object.name, &GetParams::default());
        found(self.client.request(request.map_err(Error::BuildRequest)?).await)
    }

    /// All objects of the kind, and namespace if it has one, with these labels.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn list(&self, of: &Located, labels: &str) -> Result<Vec<Value>, Error> {
        let request = of.request().list(&ListParams::default().labels(labels));
        let mut list: Value = self.client.request(request.map_err(Error::BuildRequest)?).await?;
        Ok(match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        })
    }

    /// Creates an object.
    ///
    /// # Errors
    /// As the API server says; 409 when it is there already.
    pub async fn create(&self, object: &Located, desired: &Value) -> Result<Value, Error> {
        let params = PostParams { field_manager: Some(self.manager.clone()), dry_run: false };
        let request = object.request().create(&params, desired.to_string().into_bytes());
        self.client.request(request.map_err(Error::BuildRequest)?).await
    }

    /// Replaces an object by another version of it.
    ///
    /// # Errors
    /// As the API server says; a conflict when `desired` names a version that is not the latest.
    pub async fn replace(&self, object: &Located, desired: &Value) -> Result<Value, Error> {
        let params = PostParams { field_manager: Some(self.manager.clone()), dry_run: false };
        let request = object.request().replace(&object.object.name, &params, desired.to_string().into_bytes());
        self.client.request(request.map_err(Error::BuildRequest)?).await
    }

    /// Changes an object by a merge patch (strategic where `strategic`).
    ///
    /// # Errors
    /// As the API server says.
    pub async fn merge(&self, object: &Located, patch: &Value, strategic: bool) -> Result<Value, Error> {
        let params = PatchParams { field_manager: Some(self.manager.clone()), ..PatchParams::default() };
        let patch = if strategic { Patch::Strategic(patch) } else { Patch::Merge(patch) };
        let request = object.request().patch(&object.object.name, &params, &patch);
        self.client.request(request.map_err(Error::BuildRequest)?).await
    }

    /// Asks what a forced apply of the whole object would make of it, and changes nothing.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn dry_run(&self, object: &Located, desired: &Value) -> Result<Value, Error> {
        let params = PatchParams { dry_run: true, ..PatchParams::apply(&self.manager).force() };
        let request = object.request().patch(&object.object.name, &params, &Patch::Apply(desired));
        self.client.request(request.map_err(Error::BuildRequest)?).await
    }

    /// Makes ours what the managers of `--override-manager` own of a live object, so that what they set shows as drift.
    /// Returns the object as it is then.
    ///
    /// # Errors
    /// As the API server says; a conflict when somebody was faster.
    pub async fn take_over_overridden(&self, object: &Located, live: Value) -> Result<Value, Error> {
        let Some(steps) = takeover::patch_overridden(&live, &self.manager, &self.overridden) else { return Ok(live) };
        let path = object.request().url_path;
        let request = http::Request::patch(format!("{path}/{}?fieldManager={}", object.object.name, self.manager))
            .header(http::header::CONTENT_TYPE, "application/json-patch+json")
            .body(steps.to_string().into_bytes());
        self.client.request(request.map_err(Error::HttpError)?).await
    }

    /// Applies one object with force, and remembers for `owner` what it then looked like. `ignore` leaves fields of a
    /// live object to others; without it the object costs one request.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn apply_one(
        &self,
        owner: &Key,
        object: &Located,
        desired: &Value,
        live: Option<&Live<Marks>>,
        ignore: &IgnoreRules,
    ) -> Result<Change, Error> {
        let answer = match live {
            Some(_) if ignore.concern(desired) => match self.read(object).await? {
                Some(there) => self.send_one(object, &ignore.payload(desired, &there, &self.manager)).await?,
                None => self.send_one(object, desired).await?,
            },
            _ => self.send_one(object, desired).await?,
        };
        let action = match live {
            None => Action::Created,
            Some(live) if *live.uid != *uid(&answer) => Action::Created,
            Some(live) if *live.resource_version == *resource_version(&answer) => Action::Unchanged,
            Some(_) => Action::Configured,
        };
        self.remember(owner, object, desired, ignore, &answer);
        Ok(Change { object: object.object.clone(), action, live: Some(Arc::new(answer)), contested: None })
    }

    /// Remembers what an object of `owner` looks like, so that its next change by somebody else shows.
    pub fn remember(&self, owner: &Key, object: &Located, desired: &Value, ignore: &IgnoreRules, live: &Value) {
        if let Some(live) = live_of(live) {
            let digest = digest(desired, &self.user, &ignore.text(desired));
            self.memory.applied(object.slot(), owner.clone(), digest, fingerprint(&live));
        }
    }

    /// Applies one object with force, and remembers nothing of it.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn apply_unowned(&self, object: &Located, desired: &Value) -> Result<Value, Error> {
        self.send_one(object, desired).await
    }

    async fn send_one(&self, object: &Located, payload: &Value) -> Result<Value, Error> {
        let params = PatchParams::apply(&self.manager).force();
        let request = object.request().patch(&object.object.name, &params, &Patch::Apply(payload));
        match self.client.request(request.map_err(Error::BuildRequest)?).await {
            Err(Error::Api(status)) if status.code == 404 => {
                // The kind may be gone, or another one; the next pass asks.
                self.mapper.forget(&object.object.gvk);
                Err(Error::Api(status))
            }
            answer => answer,
        }
    }

    /// Deletes an object; of `uid` alone if that is given. Whether it was there.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn delete_one(
        &self,
        object: &Located,
        uid: Option<&str>,
        propagation: PropagationPolicy,
    ) -> Result<bool, Error> {
        let params = DeleteParams {
            preconditions: uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            propagation_policy: Some(propagation),
            ..DeleteParams::default()
        };
        let request = object.request().delete(&object.object.name, &params);
        let (kind, key) = object.slot();
        let deleted = found(self.client.request::<Value>(request.map_err(Error::BuildRequest)?).await)?;
        self.memory.forget(&kind, &key);
        Ok(deleted.is_some())
    }
}

fn found(answer: Result<Value, Error>) -> Result<Option<Value>, Error> {
    match answer {
        Ok(live) => Ok(Some(live)),
        Err(Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}
