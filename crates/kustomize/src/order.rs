//! The order of objects in the output, and of kinds in field specs.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::id::{Gvk, Id};
use crate::kustomization::SortOptions;
use crate::resmap::ResMap;

const FIRST: &[&str] = &[
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts as `sortOptions` ask.
///
/// # Errors
/// When the options make no sense, or two objects have one id.
pub(crate) fn sort(resmap: &mut ResMap, options: &SortOptions) -> Result<(), String> {
    match (options.order.as_str(), &options.legacy) {
        ("fifo", None) => return Ok(()),
        ("fifo", Some(_)) => {
            return Err(
                "`sortOptions.legacySortOptions` is set, but `sortOptions.order` is `fifo`, not `legacy`".to_owned()
            );
        }
        ("legacy", _) => {}
        (order, _) => return Err(format!("`sortOptions.order` must be `fifo` or `legacy`, not `{order}`")),
    }
    let ranks = match &options.legacy {
        Some((first, last)) => ranks(first.iter().map(String::as_str), last.iter().map(String::as_str)),
        None => ranks(FIRST.iter().copied(), LAST.iter().copied()),
    };
    let mut order: Vec<(SortKey, usize)> =
        resmap.iter().enumerate().map(|(index, resource)| (sort_key(&resource.id(), &ranks), index)).collect();
    order.sort_by(|(a, _), (b, _)| compare(a, b));
    resmap.permute(order.into_iter().map(|(_, index)| index).collect())
}

fn ranks<'a>(
    first: impl ExactSizeIterator<Item = &'a str>,
    last: impl Iterator<Item = &'a str>,
) -> HashMap<&'a str, i64> {
    let count = i64::try_from(first.len()).unwrap_or(i64::MAX);
    let mut ranks: HashMap<&str, i64> = (-count..).zip(first).map(|(rank, kind)| (kind, rank)).collect();
    ranks.extend((1..).zip(last).map(|(rank, kind)| (kind, rank)));
    ranks
}

struct SortKey {
    rank: i64,
    namespace_kind: bool,
    no_group: bool,
    gvk: String,
    id: String,
}

fn sort_key(id: &Id<'_>, ranks: &HashMap<&str, i64>) -> SortKey {
    let gvk = Gvk { group: id.group.into(), version: id.version.into(), kind: id.kind.into() };
    let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    SortKey {
        rank: ranks.get(id.kind).copied().unwrap_or(0),
        namespace_kind: id.kind == "Namespace",
        no_group: id.group.is_empty(),
        id: format!("{gvk}|{}|{}", or(&id.namespace, "~X"), or(&id.name, "~N")),
        gvk: stable(&gvk),
    }
}

fn compare(a: &SortKey, b: &SortKey) -> Ordering {
    a.rank.cmp(&b.rank).then_with(|| {
        let by_gvk = a.gvk.cmp(&b.gvk);
        // Other groups have kinds named Namespace: Kubernetes' own goes first.
        let reversed = a.namespace_kind && b.namespace_kind && (a.no_group || b.no_group);
        if reversed { by_gvk.reverse() } else { by_gvk }.then_with(|| a.id.cmp(&b.id))
    })
}

fn stable(gvk: &Gvk) -> String {
    let or = |text: &'_ str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

/// The order of field specs, by the kinds they select.
pub(crate) fn compare_gvk(a: &Gvk, b: &Gvk) -> Ordering {
    let rank = |kind: &str| {
        let first = FIRST.iter().position(|known| *known == kind).map(|at| at as i64 - FIRST.len() as i64);
        let last = || LAST.iter().position(|known| *known == kind).map(|at| at as i64 + 1);
        first.or_else(last).unwrap_or(0)
    };
    rank(&a.kind).cmp(&rank(&b.kind)).then_with(|| stable(a).cmp(&stable(b)))
}
