//! One build: its options, what it has read so far, its schema. Nothing of it outlives the build.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use sluice_yaml::Value;

use crate::cache::{Digest, Parsed};
use crate::options::Options;
use crate::reads::{Reads, Seen};
use crate::schema::Schema;

pub(crate) struct Session<'a> {
    pub(crate) options: &'a Options<'a>,
    pub(crate) reads: RefCell<Reads>,
    pub(crate) warnings: RefCell<Vec<String>>,
    /// Files that were read, with their objects once that happened twice.
    pub(crate) parsed: RefCell<HashMap<Digest, Option<Arc<Vec<Parsed>>>>>,
    loads: Cell<usize>,
    bytes: Cell<usize>,
    schema: RefCell<Option<Arc<Schema>>>,
    version_set: Cell<bool>,
    /// Whether the built-in schema was needed before a kustomization brought its own, which then adds to it.
    builtin_used: Cell<bool>,
    /// Kinds of objects that were read, each once.
    kinds: RefCell<Vec<(String, String)>>,
}

/// More kinds than any cluster has; what comes after them is not noted.
const MOST_KINDS: usize = 1000;

impl<'a> Session<'a> {
    pub(crate) fn new(options: &'a Options<'a>) -> Self {
        Self {
            options,
            reads: RefCell::default(),
            warnings: RefCell::default(),
            parsed: RefCell::default(),
            loads: Cell::new(0),
            bytes: Cell::new(0),
            schema: RefCell::new(None),
            version_set: Cell::new(false),
            builtin_used: Cell::new(false),
            kinds: RefCell::default(),
        }
    }

    pub(crate) fn note(&self, path: &str, seen: Seen) {
        self.reads.borrow_mut().note(path, seen);
    }

    pub(crate) fn warn(&self, warning: String) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < 1000 {
            warnings.push(warning);
        }
    }

    /// Ends the build when the caller wants that.
    pub(crate) fn check_cancelled(&self) -> Result<(), String> {
        match self.options.cancelled {
            Some(cancelled) if cancelled() => Err("the build was cancelled".to_owned()),
            _ => Ok(()),
        }
    }

    /// Counts one load of a file or folder.
    pub(crate) fn count_load(&self, path: &str, size: usize) -> Result<(), String> {
        self.check_cancelled()?;
        let limits = &self.options.limits;
        self.loads.set(self.loads.get() + 1);
        self.bytes.set(self.bytes.get() + size);
        if self.loads.get() > limits.loads {
            return Err(format!(
                "`{path}`: more than {} files and folders loaded in one build (limit `loads`)",
                limits.loads
            ));
        }
        if size > limits.file_bytes {
            return Err(format!("`{path}` has {size} bytes, more than {} (limit `file_bytes`)", limits.file_bytes));
        }
        if self.bytes.get() > limits.total_bytes {
            return Err(format!("more than {} bytes loaded in one build (limit `total_bytes`)", limits.total_bytes));
        }
        Ok(())
    }

    /// Refuses more objects than are allowed.
    pub(crate) fn check_objects(&self, count: usize) -> Result<(), String> {
        let limit = self.options.limits.objects;
        if count > limit { Err(format!("more than {limit} objects (limit `objects`)")) } else { Ok(()) }
    }

    /// Takes the `openapi` field of a kustomization: the first one in a build wins.
    pub(crate) fn set_openapi(
        &self,
        openapi: &BTreeMap<String, String>,
        load: impl FnOnce(&str) -> Result<Bytes, String>,
    ) -> Result<(), String> {
        let document = match openapi.get("path") {
            Some(path) => Some(load(path)?),
            None => None,
        };
        if self.schema.borrow().is_some() || self.version_set.get() {
            return Ok(());
        }
        let version = openapi.get("version").map_or("", String::as_str);
        match document {
            Some(_) if openapi.contains_key("version") => {
                Err("`openapi` has both `version` and `path`; leave one out".to_owned())
            }
            Some(bytes) => {
                let text = std::str::from_utf8(&bytes).map_err(|_| "the schema is not UTF-8".to_owned())?;
                let value: Value =
                    sluice_yaml::parse(text, sluice_yaml::Dialect::V2).map_err(|error| error.to_string())?;
                let base = if self.has_read_builtin() { Schema::clone(&Schema::builtin()) } else { Schema::default() };
                *self.schema.borrow_mut() = Some(Arc::new(Schema::from_openapi(&value, base)?));
                Ok(())
            }
            None if version.is_empty() => Ok(()),
            None if version == "v1.21.2" => {
                self.version_set.set(true);
                Ok(())
            }
            None => Err(format!("`openapi.version` `{version}` is not built in; only v1.21.2 is")),
        }
    }

    /// Notes that an object of this kind was read. kustomize knows the scope of built-in kinds without the schema, and
    /// reads it for any other; whether it did matters only where a kustomization brings its own.
    pub(crate) fn note_kind(&self, api_version: &str, kind: &str) {
        if self.builtin_used.get() || self.schema.borrow().is_some() {
            return;
        }
        let mut kinds = self.kinds.borrow_mut();
        let noted = |(version, of): &(String, String)| version == api_version && of == kind;
        if !kinds.last().is_some_and(noted) && kinds.len() < MOST_KINDS && !kinds.iter().any(noted) {
            kinds.push((api_version.to_owned(), kind.to_owned()));
        }
    }

    /// Whether kustomize would have read the built-in schema by now.
    fn has_read_builtin(&self) -> bool {
        let builtin = Schema::builtin();
        self.builtin_used.get() || self.kinds.borrow().iter().any(|(version, kind)| !builtin.knows(version, kind))
    }

    pub(crate) fn schema(&self) -> Arc<Schema> {
        self.builtin_used.set(true);
        self.schema.borrow().clone().unwrap_or_else(Schema::builtin)
    }
}
