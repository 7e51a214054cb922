//! Gives fields that hold another object's name the name it has now.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use sluice_yaml::Value;

use crate::config::NameReference;
use crate::fieldspec::{Create, FieldSpec};
use crate::id::{Gvk, Id, api_version, split_api_version};
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::scalar::node_text;

/// Updates all references.
///
/// # Errors
/// When a name could mean several objects, or a path of a field spec does not fit an object.
pub(crate) fn resolve(resmap: &mut ResMap, references: &[NameReference]) -> Result<(), String> {
    let facts: Vec<Fact> = resmap.iter().map(Fact::of).collect();
    let original_gvks: Vec<Gvk> = resmap.iter().map(|resource| owned_gvk(&resource.original_id())).collect();
    let renamed: HashSet<Gvk> = resmap
        .iter()
        .flat_map(|resource| resource.previous_ids().map(|id| owned_gvk(&id)).collect::<Vec<_>>())
        .collect();
    if renamed.is_empty() {
        return Ok(());
    }
    // Only names of kinds that something was renamed of can be out of date.
    let wanted: Vec<&NameReference> =
        references.iter().filter(|reference| renamed.iter().any(|gvk| selects(&reference.target, gvk))).collect();
    let resources = resmap.contents_mut();
    let mut values: Vec<Value> = resources.iter_mut().map(|resource| resource.value.take()).collect();
    let mut candidates = Candidates { resources, facts: &facts, by_name: HashMap::new(), namespaces: HashMap::new() };
    candidates.index();
    let mut plans: HashMap<&Gvk, Rc<Vec<(&FieldSpec, &Gvk)>>> = HashMap::new();
    let mut result = Ok(());
    for (index, value) in values.iter_mut().enumerate() {
        let gvk = &original_gvks[index];
        let plan = plans.entry(gvk).or_insert_with(|| {
            let fields = wanted.iter().flat_map(|one| one.fields.iter().map(move |field| (field, &one.target)));
            Rc::new(fields.filter(|(field, _)| selects(&field.gvk, gvk)).collect())
        });
        result = update(value, index, &plan.clone(), &candidates);
        if result.is_err() {
            break;
        }
    }
    for (resource, value) in resmap.contents_mut().iter_mut().zip(values) {
        resource.value = value;
    }
    resmap.forget();
    result
}

fn owned_gvk(id: &Id<'_>) -> Gvk {
    Gvk { group: id.group.to_owned(), version: id.version.to_owned(), kind: id.kind.to_owned() }
}

fn selects(selector: &Gvk, gvk: &Gvk) -> bool {
    selector.selects(&gvk.group, &gvk.version, &gvk.kind)
}

/// What must be known of an object while its content is being changed.
struct Fact {
    name: String,
    namespace: String,
    effective: String,
    original_effective: String,
    cluster_scoped: bool,
    kind: String,
    group: String,
    version: String,
    shown: String,
}

impl Fact {
    fn of(resource: &Resource) -> Self {
        let id = resource.id();
        let (group, version) = split_api_version(api_version(&resource.value));
        Self {
            name: id.name.clone().into_owned(),
            namespace: id.namespace.clone().into_owned(),
            effective: id.effective_namespace().to_owned(),
            original_effective: resource.original_id().effective_namespace().to_owned(),
            cluster_scoped: id.cluster_scoped,
            kind: id.kind.to_owned(),
            group: group.to_owned(),
            version: version.to_owned(),
            shown: id.to_string(),
        }
    }
}

struct Candidates<'a> {
    /// Without their values.
    resources: &'a [Resource],
    facts: &'a [Fact],
    /// Objects by the names they had.
    by_name: HashMap<&'a str, Vec<usize>>,
    /// Original namespaces, and where their objects are now.
    namespaces: HashMap<&'a str, HashSet<&'a str>>,
}

impl<'a> Candidates<'a> {
    fn index(&mut self) {
        for (index, resource) in self.resources.iter().enumerate() {
            for old in &resource.previous {
                let slots = self.by_name.entry(&old.name).or_default();
                if slots.last() != Some(&index) {
                    slots.push(index);
                }
            }
            let fact = &self.facts[index];
            self.namespaces.entry(&fact.original_effective).or_default().insert(&fact.effective);
        }
    }

    /// Whether the object at `at` was once of the kind.
    fn was(&self, at: usize, gvk: &Gvk) -> bool {
        let fact = &self.facts[at];
        self.resources[at].previous.iter().any(|old| gvk.selects(&fact.group, &fact.version, &old.kind))
    }
}

/// An object that refers to others.
struct Referrer<'a> {
    fact: &'a Fact,
    resource: &'a Resource,
    /// Namespaces of the service accounts that a role binding names.
    bound: HashSet<String>,
    /// What a role binding's `roleRef` says it refers to.
    role: Option<Gvk>,
}

fn update(
    value: &mut Value,
    index: usize,
    plan: &[(&FieldSpec, &Gvk)],
    candidates: &Candidates<'_>,
) -> Result<(), String> {
    if plan.is_empty() {
        return Ok(());
    }
    let fact = &candidates.facts[index];
    let referrer = Referrer {
        fact,
        resource: &candidates.resources[index],
        bound: bound_namespaces(value, fact)?,
        role: role(value),
    };
    for (field, target) in plan {
        let of_role = field.path.ends_with("roleRef/name");
        let set = &mut |node: &mut Value| match node {
            Value::Null => Ok(()),
            Value::Array(list) => list.iter_mut().try_for_each(|element| match element {
                Value::Object(_) => set_map(element, &referrer, target, of_role, candidates),
                Value::Array(_) | Value::Null => Err("an element is neither a name nor a map".to_owned()),
                _ => set_scalar(element, &referrer, target, of_role, candidates),
            }),
            Value::Object(_) => set_map(node, &referrer, target, of_role, candidates),
            _ => set_scalar(node, &referrer, target, of_role, candidates),
        };
        field
            .visit(value, Create::Nothing, set)
            .map_err(|error| format!("updating name reference in `{}` of {}: {error}", field.path, fact.shown))?;
    }
    Ok(())
}

fn bound_namespaces(value: &Value, fact: &Fact) -> Result<HashSet<String>, String> {
    let mut bound = HashSet::new();
    if fact.kind != "RoleBinding" {
        return Ok(bound);
    }
    for subject in value.get("subjects").and_then(Value::as_array).into_iter().flatten() {
        if let (Some(namespace), Some("ServiceAccount")) =
            (subject.get("namespace"), subject.get("kind").and_then(Value::as_str))
        {
            match namespace {
                Value::String(text) => bound.insert(text.clone()),
                _ => return Err(format!("a subject's namespace is no text in {}", fact.shown)),
            };
        }
    }
    Ok(bound)
}

fn role(value: &Value) -> Option<Gvk> {
    let role = value.get("roleRef")?;
    let part = |key: &str| role.get(key).map(|value| node_text(value).into_owned());
    Some(Gvk { group: part("apiGroup")?, version: String::new(), kind: part("kind")? })
}

fn set_scalar(
    node: &mut Value,
    referrer: &Referrer<'_>,
    target: &Gvk,
    of_role: bool,
    candidates: &Candidates<'_>,
) -> Result<(), String> {
    let old = node_text(node).into_owned();
    let same = |a: &Fact, b: &Fact| a.name == b.name;
    let found = select(&old, referrer, target, of_role, candidates, &|_| true, &same)?;
    if let Some(fact) = found.filter(|fact| fact.name != old) {
        *node = Value::String(fact.name.clone());
    }
    Ok(())
}

fn set_map(
    node: &mut Value,
    referrer: &Referrer<'_>,
    target: &Gvk,
    of_role: bool,
    candidates: &Candidates<'_>,
) -> Result<(), String> {
    let Value::Object(map) = node else { return Ok(()) };
    let Some(name) = map.get("name") else { return Err("no field `name` where an object is referred to".to_owned()) };
    let old = node_text(name).into_owned();
    let same = |a: &Fact, b: &Fact| a.name == b.name && a.namespace == b.namespace;
    let namespace = map.get("namespace").map(|value| node_text(value).into_owned());
    let in_namespace = |fact: &Fact| match &namespace {
        None => true,
        Some(namespace) => {
            let by_original = candidates
                .namespaces
                .get(namespace.as_str())
                .is_some_and(|now| namespace != crate::id::CLUSTER && now.iter().any(|now| reachable(referrer, now)));
            if by_original { fact.original_effective == *namespace } else { fact.effective == *namespace }
        }
    };
    let Some(fact) = select(&old, referrer, target, of_role, candidates, &in_namespace, &same)? else { return Ok(()) };
    if fact.name == old && fact.namespace.is_empty() {
        return Ok(());
    }
    map.insert("name".to_owned(), Value::String(fact.name.clone()));
    if !fact.namespace.is_empty() {
        map.insert("namespace".to_owned(), Value::String(fact.namespace.clone()));
    }
    Ok(())
}

/// Whether objects whose effective namespace is `namespace` can be referred to at all.
fn reachable(referrer: &Referrer<'_>, namespace: &str) -> bool {
    referrer.fact.cluster_scoped
        || namespace == crate::id::CLUSTER
        || namespace == referrer.fact.effective
        || referrer.bound.contains(namespace)
}

/// The object that `name` means.
fn select<'c>(
    name: &str,
    referrer: &Referrer<'_>,
    target: &Gvk,
    of_role: bool,
    candidates: &Candidates<'c>,
    accepts: &dyn Fn(&Fact) -> bool,
    same: &dyn Fn(&Fact, &Fact) -> bool,
) -> Result<Option<&'c Fact>, String> {
    let Some(named) = candidates.by_name.get(name) else { return Ok(None) };
    let is_candidate = |at: usize| {
        let fact = &candidates.facts[at];
        let in_reach = referrer.fact.cluster_scoped
            || fact.cluster_scoped
            || fact.effective == referrer.fact.effective
            || referrer.bound.contains(&fact.namespace);
        in_reach
            && candidates.was(at, target)
            && (!of_role || referrer.role.as_ref().is_none_or(|role| candidates.was(at, role)))
            && (referrer.fact.cluster_scoped
                || fact.cluster_scoped
                || fact.kind == "ServiceAccount"
                || fact.effective == referrer.fact.effective)
            && accepts(fact)
    };
    let mut left: Vec<usize> = named.iter().copied().filter(|&at| is_candidate(at)).collect();
    if left.len() != 1 {
        left.retain(|&at| candidates.resources[at].same_affixes(referrer.resource, true));
        if left.len() > 1 {
            left.retain(|&at| candidates.resources[at].same_affixes(referrer.resource, false));
        }
    }
    let Some((first, others)) = left.split_first() else { return Ok(None) };
    let first = &candidates.facts[*first];
    if others.iter().all(|&at| same(first, &candidates.facts[at])) {
        return Ok(Some(first));
    }
    let shown: Vec<&str> = left.iter().map(|&at| candidates.facts[at].shown.as_str()).collect();
    Err(format!("`{name}` may mean several objects: {}; rename one of them", shown.join(", ")))
}
