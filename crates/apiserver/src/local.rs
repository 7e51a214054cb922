//! The API from inside the process: what tests, the simulator and embedders use.

use std::sync::Arc;

use serde_json::Value;

use crate::core::{Context, Core};
use crate::error::ApiError;
use crate::kinds::Served;
use crate::rest::body::Body;
use crate::rest::{self, DeleteOptions, ListOptions, Target};
use crate::store::Watch;

/// A client inside the process, acting as a field manager with every right. Its writes take the same path as those
/// that come over HTTP: defaults, validation, `managedFields`, watches.
#[derive(Clone)]
pub struct Local {
    core: Arc<Core>,
    manager: Arc<str>,
}

impl Local {
    pub(crate) fn new(core: Arc<Core>, manager: &str) -> Self {
        Self { core, manager: manager.into() }
    }

    /// The same client as another field manager.
    pub fn as_manager(&self, manager: &str) -> Self {
        Self::new(self.core.clone(), manager)
    }

    fn context(&self) -> Context {
        Context::internal(&self.manager)
    }

    /// The kind served under group, version and plural.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn kind(&self, group: &str, version: &str, plural: &str) -> Result<Arc<Served>, ApiError> {
        self.core.kinds().at(group, version, plural).cloned().ok_or_else(ApiError::no_such_path)
    }

    /// The kind that an object says it is.
    ///
    /// # Errors
    /// 404 when it is not served.
    pub fn kind_of(&self, object: &Value) -> Result<Arc<Served>, ApiError> {
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = object["kind"].as_str().unwrap_or_default();
        self.core.kinds().of_kind(group, version, kind).cloned().ok_or_else(ApiError::no_such_path)
    }

    /// All objects of the server, in an order in which [`Local::load`] takes them.
    pub fn dump(&self) -> Vec<Value> {
        crate::state::dump(&self.core)
    }

    /// Writes objects as they are, in place of those that are there: uids, times, status and `managedFields` included.
    /// Lists are taken apart, definitions and namespaces come first, and nothing is asked of admission. The answer is
    /// how many there were.
    ///
    /// # Errors
    /// For the first object of no served kind or of a wrong form; those before it are there.
    pub fn load(&self, objects: Vec<Value>) -> Result<usize, ApiError> {
        crate::state::load(&self.core, objects)
    }

    /// One object.
    pub fn get(&self, kind: &Served, namespace: &str, name: &str) -> Option<Value> {
        rest::get(&self.core, kind, namespace, name).ok().map(|object| kind.value(&object))
    }

    /// All objects of a namespace (of all, when empty), and the version they show.
    pub fn list(&self, kind: &Served, namespace: &str) -> (Vec<Value>, u64) {
        let listing = self.core.store.all(kind.resource.slot, namespace);
        (listing.objects.iter().map(|o| kind.value(o)).collect(), listing.version)
    }

    /// Events after a version.
    ///
    /// # Errors
    /// 410 when the version is too old.
    pub fn watch(&self, kind: &Served, from: u64) -> Result<Watch, ApiError> {
        self.core.store.watch(kind.resource.slot, from).map_err(rest::unavailable)
    }

    /// Creates an object.
    ///
    /// # Errors
    /// As a POST.
    pub fn create(&self, kind: &Arc<Served>, namespace: &str, object: Value) -> Result<Value, ApiError> {
        let body = Body { value: object, duplicates: Vec::new() };
        rest::create(&self.core, kind, namespace, body, &self.context()).map(rest::Outcome::into_value)
    }

    /// Replaces an object; its `resourceVersion`, when set, is a precondition.
    ///
    /// # Errors
    /// As a PUT: 409 when the object has changed meanwhile.
    pub fn update(&self, kind: &Arc<Served>, object: Value) -> Result<Value, ApiError> {
        self.put(kind, object, "")
    }

    /// Replaces the status of an object; its `resourceVersion`, when set, is a precondition.
    ///
    /// # Errors
    /// As a PUT to `status`.
    pub fn update_status(&self, kind: &Arc<Served>, object: Value) -> Result<Value, ApiError> {
        self.put(kind, object, "status")
    }

    fn put(&self, kind: &Arc<Served>, object: Value, subresource: &str) -> Result<Value, ApiError> {
        let namespace = rest::meta::text(&object, "namespace").to_owned();
        let name = rest::meta::text(&object, "name").to_owned();
        let target = Target { served: kind, namespace: &namespace, name: &name, subresource };
        let body = Body { value: object, duplicates: Vec::new() };
        rest::update(&self.core, target, body, &self.context()).map(rest::Outcome::into_value)
    }

    /// Applies a patch.
    ///
    /// # Errors
    /// As a PATCH.
    pub fn patch(
        &self,
        kind: &Arc<Served>,
        namespace: &str,
        name: &str,
        patch_kind: rest::PatchKind,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        let target = Target { served: kind, namespace, name, subresource: "" };
        let bytes = patch.to_string().into_bytes();
        rest::patch(&self.core, target, patch_kind, &bytes, &self.context()).map(rest::Outcome::into_value)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// As a DELETE.
    pub fn delete(
        &self,
        kind: &Arc<Served>,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(), ApiError> {
        rest::delete(&self.core, kind, namespace, name, options, &self.context()).map(|_| ())
    }

    /// Deletes every object of a namespace.
    ///
    /// # Errors
    /// As a DELETE of the collection.
    pub fn delete_all(&self, kind: &Arc<Served>, namespace: &str) -> Result<(), ApiError> {
        let (list, options) = (ListOptions::default(), DeleteOptions::default());
        rest::delete_collection(&self.core, kind, namespace, &list, &options, &self.context()).map(|_| ())
    }
}
