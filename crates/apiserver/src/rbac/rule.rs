//! One rule of a role, and whether some rules grant all that others do.

use serde_json::{Map, Value};

use super::Attributes;

/// A `PolicyRule`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// What may be done; `*` is everything.
    pub verbs: Vec<String>,
    /// To which groups.
    pub groups: Vec<String>,
    /// To which resources; `*`, `pods/*`, `*/scale` are patterns.
    pub resources: Vec<String>,
    /// To which objects; empty is all.
    pub names: Vec<String>,
    /// To which paths that are no resources; a trailing `*` is a pattern.
    pub paths: Vec<String>,
}

fn has(list: &[String], what: &str) -> bool {
    list.iter().any(|l| l == "*" || l == what)
}

impl Rule {
    /// The rules of a Role or ClusterRole.
    pub fn of(role: &Value) -> Vec<Self> {
        let list = |rule: &Value, key: &str| -> Vec<String> {
            rule[key].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
        };
        let rules = role["rules"].as_array().into_iter().flatten();
        rules
            .map(|rule| Self {
                verbs: list(rule, "verbs"),
                groups: list(rule, "apiGroups"),
                resources: list(rule, "resources"),
                names: list(rule, "resourceNames"),
                paths: list(rule, "nonResourceURLs"),
            })
            .collect()
    }

    /// Every verb on every resource.
    pub fn everything() -> Self {
        let all = || vec!["*".to_owned()];
        Self { verbs: all(), groups: all(), resources: all(), ..Self::default() }
    }

    /// Every verb on every path.
    pub fn every_path() -> Self {
        let all = || vec!["*".to_owned()];
        Self { verbs: all(), paths: all(), ..Self::default() }
    }

    /// Whether the rule lets somebody do this.
    pub fn allows(&self, wanted: &Attributes<'_>) -> bool {
        if !has(&self.verbs, wanted.verb) {
            return false;
        }
        if let Some(path) = wanted.path {
            return self
                .paths
                .iter()
                .any(|p| p == "*" || p == path || p.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix)));
        }
        has(&self.groups, wanted.group)
            && self.names_resource(wanted.resource, wanted.subresource)
            && (self.names.is_empty() || self.names.iter().any(|n| n == wanted.name))
    }

    fn names_resource(&self, resource: &str, part: &str) -> bool {
        self.resources.iter().any(|r| match (r.split_once('/'), part) {
            _ if r == "*" => true,
            (None, "") => r == resource,
            (Some(("*", p)), part) => !part.is_empty() && p == part,
            (Some((whole, p)), part) => whole == resource && !part.is_empty() && p == part,
            (None, _) => false,
        })
    }

    /// As one element of `SelfSubjectRulesReview.status`.
    pub fn to_value(&self) -> Value {
        let mut out = Map::new();
        let mut put = |key: &str, list: &[String], always: bool| {
            if always || !list.is_empty() {
                out.insert(key.to_owned(), list.to_vec().into());
            }
        };
        put("verbs", &self.verbs, true);
        put("apiGroups", &self.groups, false);
        put("resources", &self.resources, false);
        put("resourceNames", &self.names, false);
        put("nonResourceURLs", &self.paths, false);
        out.into()
    }

    /// As an escalation error names it.
    pub fn compact(&self) -> String {
        let list = |list: &[String]| {
            let quoted: Vec<String> = list.iter().map(|s| crate::field::go_quote(s)).collect();
            format!("[{}]", quoted.join(" "))
        };
        let mut parts = Vec::new();
        for (key, values) in [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.paths),
            ("ResourceNames", &self.names),
            ("Verbs", &self.verbs),
        ] {
            if !values.is_empty() {
                parts.push(format!("{key}:{}", list(values)));
            }
        }
        format!("{{{}}}", parts.join(", "))
    }

    /// Rules that each grant one thing.
    fn parts(&self) -> Vec<Self> {
        let mut out = Vec::new();
        let one = |s: &String| vec![s.clone()];
        for verb in &self.verbs {
            for path in &self.paths {
                out.push(Self { verbs: one(verb), paths: one(path), ..Self::default() });
            }
            for group in &self.groups {
                for resource in &self.resources {
                    let part =
                        Self { verbs: one(verb), groups: one(group), resources: one(resource), ..Self::default() };
                    match self.names.is_empty() {
                        true => out.push(part),
                        false => out.extend(self.names.iter().map(|n| Self { names: one(n), ..part.clone() })),
                    }
                }
            }
        }
        out
    }

    /// Whether this grants all of `part`, which grants one thing.
    fn grants(&self, part: &Self) -> bool {
        let covers = |have: &[String], want: &[String]| want.iter().all(|w| has(have, w));
        if !covers(&self.verbs, &part.verbs) {
            return false;
        }
        if let [path] = part.paths.as_slice() {
            return self
                .paths
                .iter()
                .any(|p| p == "*" || p == path || p.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix)));
        }
        let resource = part.resources.iter().all(|want| {
            self.resources.iter().any(|have| {
                have == "*"
                    || have == want
                    || matches!((have.strip_prefix("*/"), want.split_once('/')), (Some(h), Some((_, w))) if h == w)
            })
        });
        covers(&self.groups, &part.groups)
            && resource
            && (self.names.is_empty() || !part.names.is_empty() && part.names.iter().all(|n| self.names.contains(n)))
    }
}

/// What of `wanted` is not granted by `held`.
pub fn covers(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    // A role can name tens of thousands of single things; beyond this many it is refused as a whole.
    const LIMIT: usize = 100_000;
    let mut missing = Vec::new();
    for rule in wanted {
        let size =
            rule.verbs.len() * (rule.paths.len() + rule.groups.len() * rule.resources.len() * rule.names.len().max(1));
        if size > LIMIT {
            missing.push(rule.clone());
            continue;
        }
        missing.extend(rule.parts().into_iter().filter(|part| !held.iter().any(|h| h.grants(part))));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(value: Value) -> Rule {
        Rule::of(&json!({"rules": [value]})).remove(0)
    }

    #[track_caller]
    fn check(r: Value, wanted: (&str, &str, &str, &str), want: bool) {
        let (verb, resource, subresource, name) = wanted;
        let wanted = Attributes { verb, resource, subresource, name, ..Attributes::default() };
        assert_eq!(rule(r).allows(&wanted), want);
    }

    #[test]
    fn rules_match_resources_parts_and_names() {
        let pods = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
        check(pods.clone(), ("get", "pods", "", "x"), true);
        check(pods.clone(), ("get", "pods", "log", "x"), false);
        check(pods, ("list", "pods", "", ""), false);
        let scale = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*/scale"]});
        check(scale.clone(), ("update", "deployments", "scale", "x"), true);
        check(scale, ("update", "deployments", "", "x"), false);
        let named = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]});
        check(named.clone(), ("get", "pods", "", "a"), true);
        check(named, ("get", "pods", "", "b"), false);
    }

    #[test]
    fn nobody_grants_what_they_lack() {
        let held = [rule(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}))];
        let wanted = [rule(json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}))];
        let missing = covers(&held, &wanted);
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].compact(), "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\"]}");
    }
}
