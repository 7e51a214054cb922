//! Who may do what: Roles, ClusterRoles and their bindings.

mod bootstrap;
mod rule;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::auth::{Identity, MASTERS};
use crate::core::{Context, Core};
use crate::error::{ApiError, Plural};
use crate::kinds::Served;
use crate::rest::meta;

pub use bootstrap::objects as bootstrap_objects;
pub use rule::{Rule, covers};

/// The group of all objects here.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// What somebody wants to do.
#[derive(Debug, Clone, Default)]
pub struct Attributes<'a> {
    /// `get`, `list`, …
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// Plural.
    pub resource: &'a str,
    /// Part of the resource.
    pub subresource: &'a str,
    /// Namespace; empty for none or all.
    pub namespace: &'a str,
    /// Name; empty for none.
    pub name: &'a str,
    /// Path, for what is no resource.
    pub path: Option<&'a str>,
}

/// Bindings and roles, parsed once for each state of the store.
#[derive(Default)]
pub struct Policy {
    cache: Mutex<Option<Arc<Rules>>>,
}

/// All rules, by where they hold.
struct Rules {
    /// The versions of the four resources that this was read from.
    versions: [u64; 4],
    /// Bindings in the whole cluster.
    cluster: Vec<Grant>,
    /// Bindings in one namespace.
    namespaced: BTreeMap<String, Vec<Grant>>,
    /// Rules by role: (namespace or "", name).
    roles: BTreeMap<(String, String), Arc<Vec<Rule>>>,
}

struct Grant {
    subjects: Vec<Subject>,
    rules: Arc<Vec<Rule>>,
}

enum Subject {
    User(String),
    Group(String),
}

impl Subject {
    fn is(&self, identity: &Identity) -> bool {
        match self {
            Subject::User(name) => identity.name == *name,
            Subject::Group(name) => identity.is_in(name),
        }
    }
}

/// The resources that rules are read from.
const RESOURCES: [&str; 4] = ["roles", "rolebindings", "clusterroles", "clusterrolebindings"];

impl Policy {
    fn rules(&self, core: &Core) -> Arc<Rules> {
        let slots = RESOURCES.map(|plural| core.store.slot(&format!("{plural}.{GROUP}")));
        let versions = slots.map(|slot| core.store.changed(slot));
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = &*cache
            && rules.versions == versions
        {
            return rules.clone();
        }
        let rules = Arc::new(Rules::read(core, versions));
        *cache = Some(rules.clone());
        rules
    }
}

impl Rules {
    fn read(core: &Core, versions: [u64; 4]) -> Self {
        let kinds = core.kinds();
        let all = |plural: &str| -> Vec<Value> {
            let Some(served) = kinds.of_plural(GROUP, plural) else { return Vec::new() };
            core.store.all(served.resource.slot, "").objects.iter().map(|o| served.value(o)).collect()
        };
        let mut roles = BTreeMap::new();
        for plural in ["roles", "clusterroles"] {
            for role in all(plural) {
                let key = (meta::text(&role, "namespace").to_owned(), meta::text(&role, "name").to_owned());
                roles.insert(key, Arc::new(Rule::of(&role)));
            }
        }
        let grant = |binding: &Value| -> Option<Grant> {
            let namespace = match binding["roleRef"]["kind"].as_str()? {
                "Role" => meta::text(binding, "namespace").to_owned(),
                _ => String::new(),
            };
            let name = binding["roleRef"]["name"].as_str()?.to_owned();
            let rules = roles.get(&(namespace, name))?.clone();
            let subjects = binding["subjects"].as_array().into_iter().flatten().filter_map(|subject| {
                let name = subject["name"].as_str()?;
                Some(match subject["kind"].as_str()? {
                    "User" => Subject::User(name.to_owned()),
                    "Group" => Subject::Group(name.to_owned()),
                    "ServiceAccount" => {
                        let own = meta::text(binding, "namespace");
                        let namespace = subject["namespace"].as_str().unwrap_or(own);
                        Subject::User(format!("system:serviceaccount:{namespace}:{name}"))
                    }
                    _ => return None,
                })
            });
            Some(Grant { subjects: subjects.collect(), rules })
        };
        let cluster = all("clusterrolebindings").iter().filter_map(&grant).collect();
        let mut namespaced: BTreeMap<String, Vec<Grant>> = BTreeMap::new();
        for binding in all("rolebindings") {
            if let Some(grant) = grant(&binding) {
                namespaced.entry(meta::text(&binding, "namespace").to_owned()).or_default().push(grant);
            }
        }
        Self { versions, cluster, namespaced, roles }
    }

    fn grants<'a>(&'a self, namespace: &str, identity: &'a Identity) -> impl Iterator<Item = &'a Rule> {
        let inside = self.namespaced.get(namespace).into_iter().flatten().filter(move |_| true);
        self.cluster
            .iter()
            .chain(inside)
            .filter(|grant| grant.subjects.iter().any(|s| s.is(identity)))
            .flat_map(|grant| grant.rules.iter())
    }
}

/// Whether a user may do something.
pub fn allowed(core: &Core, identity: &Identity, wanted: &Attributes<'_>) -> bool {
    if identity.is_in(MASTERS) {
        return true;
    }
    let rules = core.policy.rules(core);
    rules.grants(wanted.namespace, identity).any(|rule| rule.allows(wanted))
}

/// Every rule that holds for a user in a namespace.
pub fn rules_of(core: &Core, identity: &Identity, namespace: &str) -> Vec<Rule> {
    if identity.is_in(MASTERS) {
        return vec![Rule::everything(), Rule::every_path()];
    }
    core.policy.rules(core).grants(namespace, identity).cloned().collect()
}

/// The 403 of a request that is not allowed.
pub fn forbidden(identity: &Identity, wanted: &Attributes<'_>) -> ApiError {
    let user = crate::field::go_quote(&identity.name);
    if let Some(path) = wanted.path {
        let why = format!("User {user} cannot {} path \"{path}\"", wanted.verb);
        let mut error = ApiError::forbidden(Plural { group: "", name: "" }, "", why);
        error.details = Some(Box::default());
        return error;
    }
    let resource = match wanted.subresource {
        "" => wanted.resource.to_owned(),
        part => format!("{}/{part}", wanted.resource),
    };
    let scope = match wanted.namespace {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    let why =
        format!("User {user} cannot {} resource \"{resource}\" in API group \"{}\" {scope}", wanted.verb, wanted.group);
    ApiError::forbidden(Plural { group: wanted.group, name: wanted.resource }, wanted.name, why)
}

/// Refuses a role or a binding that grants what its writer does not have.
///
/// # Errors
/// 403 with the missing rules.
pub fn check_escalation(
    core: &Core,
    served: &Served,
    object: &Value,
    old: Option<&Value>,
    context: &Context,
) -> Result<(), ApiError> {
    let identity = &context.user;
    if identity.is_in(MASTERS) {
        return Ok(());
    }
    let (namespace, name) = (meta::text(object, "namespace"), meta::text(object, "name"));
    let is_binding = served.resource.plural.ends_with("bindings");
    let (granted, verb, resource, role) = if is_binding {
        if old.is_some_and(|old| old["roleRef"] == object["roleRef"] && old["subjects"] == object["subjects"]) {
            return Ok(());
        }
        let role = object["roleRef"]["name"].as_str().unwrap_or_default();
        let cluster = object["roleRef"]["kind"] == "ClusterRole";
        let key = (if cluster { String::new() } else { namespace.to_owned() }, role.to_owned());
        let rules = core.policy.rules(core);
        let Some(granted) = rules.roles.get(&key) else {
            let plural = if cluster { "clusterroles" } else { "roles" };
            return Err(ApiError::not_found(Plural { group: GROUP, name: plural }, role));
        };
        (granted.as_ref().clone(), "bind", if cluster { "clusterroles" } else { "roles" }, role)
    } else {
        if old.is_some_and(|old| old["rules"] == object["rules"]) {
            return Ok(());
        }
        (Rule::of(object), "escalate", served.resource.plural.as_str(), name)
    };
    let wanted = Attributes { verb, group: GROUP, resource, namespace, name: role, ..Attributes::default() };
    if allowed(core, identity, &wanted) {
        return Ok(());
    }
    let held = rules_of(core, identity, namespace);
    let missing = covers(&held, &granted);
    if missing.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> = missing.iter().map(Rule::compact).collect();
    lines.sort();
    lines.dedup();
    let groups: Vec<String> = identity.groups.iter().map(|g| crate::field::go_quote(g)).collect();
    let why = format!(
        "user {} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        crate::field::go_quote(&identity.name),
        groups.join(" "),
        lines.join("\n")
    );
    Err(ApiError::forbidden(served.plural(), name, why))
}
