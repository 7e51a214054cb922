//! What is served: built-in kinds and those of CustomResourceDefinitions, in one shape.
//!
//! A [`Resource`] is a plural of a group and a place in the store; a [`Served`] is a resource in one version, with its
//! schema. "A built-in kind is a CRD we ship": everything above this file treats both alike, save where kube-apiserver
//! does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sluice_object::GroupVersionKind;
use sluice_object::schema::{KindInfo, Schema, builtin};

use crate::convert::{self, Conversion};
use crate::crd::Custom;
use crate::error::Plural;
use crate::store::{Slot, Store};

/// A plural of a group.
#[derive(Debug)]
pub struct Resource {
    /// API group; empty for core.
    pub group: String,
    /// `deployments`.
    pub plural: String,
    /// `deployment`.
    pub singular: String,
    /// `Deployment`.
    pub kind: String,
    /// `DeploymentList`.
    pub list_kind: String,
    /// `deploy`.
    pub short_names: Vec<String>,
    /// `all`.
    pub categories: Vec<String>,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
    /// Where its objects are stored.
    pub slot: Slot,
}

/// A part of a resource with its own path.
#[derive(Debug, Clone)]
pub struct Subresource {
    /// `status`.
    pub name: String,
    /// The kind it answers with.
    pub kind: String,
    /// Group and version of that kind, where they are not the resource's.
    pub api_version: Option<String>,
    /// What can be done with it, sorted.
    pub verbs: Vec<String>,
}

/// A resource in one version.
#[derive(Debug)]
pub struct Served {
    /// The resource.
    pub resource: Arc<Resource>,
    /// `v1`.
    pub version: String,
    /// `apps/v1`.
    pub api_version: String,
    /// What its fields mean.
    pub schema: Schema,
    /// What can be done with it, sorted.
    pub verbs: Vec<String>,
    /// Its parts, sorted by name.
    pub subresources: Vec<Subresource>,
    /// What only custom resources have; `None` for built-in kinds.
    pub custom: Option<Custom>,
    /// How its objects are stored, where that is in another shape.
    pub conversion: Option<Conversion>,
    /// `"apiVersion":"apps/v1","kind":"Deployment",`: stands in front of stored bytes.
    pub prefix: String,
}

impl Served {
    /// Group and plural, for messages.
    pub fn plural(&self) -> Plural<'_> {
        Plural { group: &self.resource.group, name: &self.resource.plural }
    }

    /// Group and kind, for messages.
    pub fn kind(&self) -> Plural<'_> {
        Plural { group: &self.resource.group, name: &self.resource.kind }
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::new(&self.resource.group, &self.version, &self.resource.kind)
    }

    /// A part by its name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }

    /// Whether status is written through a subresource only.
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    /// Whether `verb` can be done with it.
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    /// Whether its group and kind are these.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.resource.group == group && self.resource.kind == kind
    }
}

/// `group/version`, or the version alone for core.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Everything served at one moment. Immutable; replaced whole when a definition comes or goes.
#[derive(Debug, Default)]
pub struct Kinds {
    all: Vec<Arc<Served>>,
    by_path: HashMap<String, usize>,
    by_kind: HashMap<String, usize>,
}

impl Kinds {
    /// The built-in kinds.
    pub fn built_in(store: &Store) -> Self {
        let mut resources: BTreeMap<(String, &str), Arc<Resource>> = BTreeMap::new();
        let mut kinds = Self::default();
        for info in builtin().kinds() {
            let resource = resources
                .entry((info.gvk.group.clone(), info.plural))
                .or_insert_with(|| Arc::new(built_in_resource(info, store)))
                .clone();
            kinds.add(Arc::new(built_in(info, resource)));
        }
        kinds
    }

    /// Adds a resource version.
    pub fn add(&mut self, served: Arc<Served>) {
        let at = self.all.len();
        self.by_path.insert(path_key(&served.resource.group, &served.version, &served.resource.plural), at);
        self.by_kind.insert(path_key(&served.resource.group, &served.version, &served.resource.kind), at);
        self.all.push(served);
    }

    /// These kinds without the custom ones.
    pub fn without_custom(&self) -> Self {
        let mut kinds = Self::default();
        for served in self.all.iter().filter(|s| s.custom.is_none()) {
            kinds.add(served.clone());
        }
        kinds
    }

    /// All, built-in first.
    pub fn all(&self) -> &[Arc<Served>] {
        &self.all
    }

    /// The resource at a path.
    pub fn at(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Served>> {
        self.by_path.get(&path_key(group, version, plural)).map(|at| &self.all[*at])
    }

    /// The resource of a kind.
    pub fn of_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Served>> {
        self.by_kind.get(&path_key(group, version, kind)).map(|at| &self.all[*at])
    }

    /// A resource of a group and plural, in its first version.
    pub fn of_plural(&self, group: &str, plural: &str) -> Option<&Arc<Served>> {
        self.all.iter().find(|s| s.resource.group == group && s.resource.plural == plural)
    }

    /// One version of each resource: what a sweep over all objects walks.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<Served>> {
        let mut seen = std::collections::HashSet::new();
        self.all.iter().filter(move |s| seen.insert(s.resource.slot))
    }
}

fn path_key(group: &str, version: &str, name: &str) -> String {
    format!("{group}/{version}/{name}")
}

/// The store's name of a resource. Events of both groups are the same objects.
pub fn storage_name(group: &str, plural: &str) -> String {
    match (group, plural) {
        ("events.k8s.io", "events") => "events.".into(),
        _ => format!("{plural}.{group}"),
    }
}

fn built_in_resource(info: &KindInfo, store: &Store) -> Resource {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    Resource {
        group: info.gvk.group.clone(),
        plural: info.plural.into(),
        singular: info.singular.clone(),
        kind: info.gvk.kind.clone(),
        list_kind: format!("{}List", info.gvk.kind),
        short_names: owned(&info.short_names),
        categories: owned(&info.categories),
        namespaced: info.namespaced,
        slot: store.slot(&storage_name(&info.gvk.group, info.plural)),
    }
}

fn built_in(info: &KindInfo, resource: Arc<Resource>) -> Served {
    let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    let subresources = info.subresources.iter().map(|s| Subresource {
        name: s.name.into(),
        kind: s.kind.into(),
        api_version: s.api_version.map(str::to_owned),
        verbs: owned(&s.verbs),
    });
    let api_version = info.gvk.api_version();
    Served {
        schema: builtin().schema(&info.gvk).unwrap_or_else(Schema::any),
        version: info.gvk.version.clone(),
        prefix: prefix(&api_version, &info.gvk.kind),
        api_version,
        verbs: owned(&info.verbs),
        subresources: subresources.collect(),
        custom: None,
        conversion: convert::of(&info.gvk.group, &info.gvk.version, &info.gvk.kind),
        resource,
    }
}

/// `"apiVersion":"…","kind":"…",`
pub fn prefix(api_version: &str, kind: &str) -> String {
    // Both are DNS names or identifiers, which JSON does not escape.
    format!("\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\",")
}
