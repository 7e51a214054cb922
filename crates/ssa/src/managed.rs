//! `metadata.managedFields`: who owns what.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::fields_v1::FieldsError;
use crate::path::PathElement;
use crate::set::FieldSet;

/// How many managers by update an object keeps; older ones are joined.
const UPDATE_MANAGERS: usize = 10;

/// The manager that older ones are joined into.
const ANCIENT: &str = "ancient-changes";

/// What a manager did: applied, or wrote the object otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Create, update or any other patch.
    Update,
}

impl Operation {
    /// As the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells managers apart. One that applies is the same whatever version it uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ManagerId {
    pub manager: String,
    pub operation: Operation,
    /// Empty for those that apply.
    pub api_version: String,
    pub subresource: String,
}

impl ManagerId {
    pub(crate) fn new(manager: &str, operation: Operation, api_version: &str, subresource: &str) -> Self {
        let api_version = if operation == Operation::Apply { "" } else { api_version };
        Self {
            manager: manager.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }
}

/// One manager and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerEntry {
    /// The manager's name.
    pub manager: String,
    /// How it wrote them.
    pub operation: Operation,
    /// In which version of the kind.
    pub api_version: String,
    /// Through which subresource; empty for the object itself.
    pub subresource: String,
    /// When its fields last changed (RFC 3339).
    pub time: Option<String>,
    /// What it owns.
    pub fields: FieldSet,
}

impl ManagerEntry {
    pub(crate) fn id(&self) -> ManagerId {
        ManagerId::new(&self.manager, self.operation, &self.api_version, &self.subresource)
    }

    fn is(&self, id: &ManagerId) -> bool {
        self.manager == id.manager
            && self.operation == id.operation
            && self.subresource == id.subresource
            && (self.operation == Operation::Apply || self.api_version == id.api_version)
    }
}

/// All managers of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManagedFields {
    entries: Vec<ManagerEntry>,
}

impl ManagedFields {
    /// Reads an object's `metadata.managedFields`; an object without any has no managers.
    ///
    /// # Errors
    /// When an entry's `fieldsV1` cannot be read.
    pub fn of(object: &Value) -> Result<Self, FieldsError> {
        Self::from_json(object.pointer("/metadata/managedFields").unwrap_or(&Value::Null))
    }

    /// Reads a `managedFields` list.
    ///
    /// # Errors
    /// When an entry's `fieldsV1` cannot be read.
    pub fn from_json(value: &Value) -> Result<Self, FieldsError> {
        let mut managers = Self::default();
        for entry in value.as_array().into_iter().flatten() {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let fields = match entry.get("fieldsV1") {
                Some(fields) if !fields.is_null() => FieldSet::from_fields_v1(fields)?,
                _ => FieldSet::new(),
            };
            let operation = match entry["operation"].as_str() {
                Some("Apply") => Operation::Apply,
                Some("Update") => Operation::Update,
                _ => return Err(FieldsError::Key(text("operation"))),
            };
            managers.entries.push(ManagerEntry {
                manager: text("manager"),
                operation,
                api_version: text("apiVersion"),
                subresource: text("subresource"),
                time: entry["time"].as_str().map(str::to_owned),
                fields,
            });
        }
        Ok(managers)
    }

    /// Writes the list: appliers first, then by time in whole seconds, name, version and subresource.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut sorted: Vec<&ManagerEntry> = self.entries.iter().collect();
        let second = |entry: &ManagerEntry| entry.time.as_deref().map(|t| t.get(..19).unwrap_or(t).to_owned());
        sorted.sort_by(|a, b| {
            (a.operation.cmp(&b.operation))
                .then_with(|| second(a).cmp(&second(b)))
                .then_with(|| a.manager.cmp(&b.manager))
                .then_with(|| a.api_version.cmp(&b.api_version))
                .then_with(|| a.subresource.cmp(&b.subresource))
        });
        sorted.into_iter().map(to_json).collect()
    }

    /// The managers.
    #[must_use]
    pub fn entries(&self) -> &[ManagerEntry] {
        &self.entries
    }

    /// Whether nobody owns anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts an entry in, in place of the manager's old one.
    pub fn set(&mut self, entry: ManagerEntry) {
        let id = entry.id();
        match self.entries.iter_mut().find(|e| e.is(&id)) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }

    /// Removes the managers that `which` picks and returns them: to hand their fields to another one.
    pub fn take(&mut self, which: impl Fn(&ManagerEntry) -> bool) -> Vec<ManagerEntry> {
        let (taken, kept) = std::mem::take(&mut self.entries).into_iter().partition(which);
        self.entries = kept;
        taken
    }

    pub(crate) fn get(&self, id: &ManagerId) -> Option<&ManagerEntry> {
        self.entries.iter().find(|e| e.is(id))
    }

    /// Takes fields away from all managers but one.
    pub(crate) fn subtract_from_others(&mut self, owner: &ManagerId, fields: &FieldSet) {
        for entry in self.entries.iter_mut().filter(|e| !e.is(owner)) {
            entry.fields.subtract(fields);
        }
    }

    /// Drops what nobody manages (identity and system fields), and managers without fields.
    pub(crate) fn tidy(&mut self) {
        for entry in &mut self.entries {
            entry.fields.subtract(unmanaged());
        }
        self.entries.retain(|entry| !entry.fields.is_empty());
    }

    /// Joins the oldest updaters where there are too many.
    pub(crate) fn cap(&mut self) {
        let updates = |entry: &&mut ManagerEntry| entry.operation == Operation::Update;
        let mut excess = self.entries.iter_mut().filter(updates).count().saturating_sub(UPDATE_MANAGERS);
        if excess == 0 {
            return;
        }
        self.entries.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.manager.cmp(&b.manager)));
        let mut joined: Vec<ManagerEntry> = Vec::new();
        for entry in std::mem::take(&mut self.entries) {
            if entry.operation == Operation::Apply || excess == 0 {
                self.entries.push(entry);
                continue;
            }
            match joined.iter_mut().find(|bucket| bucket.api_version == entry.api_version) {
                Some(bucket) => {
                    bucket.fields.extend(&entry.fields);
                    ANCIENT.clone_into(&mut bucket.manager);
                    bucket.subresource.clear();
                    bucket.time = entry.time.or_else(|| bucket.time.take());
                    excess -= 1;
                }
                // The oldest of each version waits for a second one: a lone entry keeps its name.
                None => joined.push(entry),
            }
        }
        for bucket in joined {
            match self.entries.iter_mut().find(|entry| entry.is(&bucket.id())) {
                Some(entry) => entry.fields.extend(&bucket.fields),
                None => self.entries.push(bucket),
            }
        }
    }
}

fn to_json(entry: &ManagerEntry) -> Value {
    let mut map = Map::new();
    map.insert("manager".to_owned(), json!(entry.manager));
    map.insert("operation".to_owned(), json!(entry.operation.as_str()));
    map.insert("apiVersion".to_owned(), json!(entry.api_version));
    if let Some(time) = &entry.time {
        map.insert("time".to_owned(), json!(time));
    }
    map.insert("fieldsType".to_owned(), json!("FieldsV1"));
    map.insert("fieldsV1".to_owned(), entry.fields.to_fields_v1());
    if !entry.subresource.is_empty() {
        map.insert("subresource".to_owned(), json!(entry.subresource));
    }
    Value::Object(map)
}

fn unmanaged() -> &'static FieldSet {
    static SET: OnceLock<FieldSet> = OnceLock::new();
    SET.get_or_init(make_unmanaged)
}

fn make_unmanaged() -> FieldSet {
    const METADATA: &[&str] = &[
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let mut set = FieldSet::new();
    for name in ["apiVersion", "kind", "metadata"] {
        set.insert([PathElement::field(name)]);
    }
    for name in METADATA {
        set.insert([PathElement::field("metadata"), PathElement::field(name)]);
    }
    set
}
