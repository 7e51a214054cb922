//! The built-in kinds of Kubernetes 1.37: decoded once, when first asked for, from the generated table.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::arena::Arena;
use super::{Node, Schema, decode};
use crate::GroupVersionKind;

/// Group, version and kind without strings of their own.
pub(super) type Gvk<'a> = (&'a str, &'a str, &'a str);

fn borrowed(gvk: &GroupVersionKind) -> Gvk<'_> {
    (&gvk.group, &gvk.version, &gvk.kind)
}

/// All that is built in.
pub struct Builtin {
    pub(super) arena: Arc<Arena>,
    pub(super) kinds: Vec<KindInfo>,
    pub(super) by_gvk: HashMap<Gvk<'static>, usize>,
    pub(super) definitions: Vec<DefinitionData>,
    pub(super) by_name: HashMap<&'static str, u16>,
    pub(super) schemas: HashMap<Gvk<'static>, u16>,
    pub(super) object_meta: u32,
}

/// A kind that a default API server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// Its type.
    pub gvk: GroupVersionKind,
    /// `deployments`.
    pub plural: &'static str,
    /// `deployment`.
    pub singular: String,
    /// `deploy`.
    pub short_names: Vec<&'static str>,
    /// `all`.
    pub categories: Vec<&'static str>,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
    /// What can be done with it, sorted.
    pub verbs: Vec<&'static str>,
    /// `status`, `scale` and others, sorted by name.
    pub subresources: Vec<Subresource>,
}

/// A part of a resource with a path of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// `status`.
    pub name: &'static str,
    /// The kind it answers with, and its group and version where they are not those of the resource.
    pub kind: &'static str,
    /// `autoscaling/v1` for `scale`; none where the resource's own.
    pub api_version: Option<&'static str>,
    /// What can be done with it, sorted.
    pub verbs: Vec<&'static str>,
}

pub(super) struct DefinitionData {
    pub(super) name: &'static str,
    pub(super) node: u32,
    /// The tokens after its type: `GVK=group/version/Kind` and others.
    pub(super) rest: &'static str,
    /// Where its first description is: one line for itself and one for every field.
    pub(super) description: u32,
}

/// A named part of the OpenAPI document.
#[derive(Clone, Copy)]
pub struct Definition<'a> {
    data: &'a DefinitionData,
    arena: &'a Arena,
}

impl<'a> Definition<'a> {
    /// `io.k8s.api.apps.v1.Deployment`.
    #[must_use]
    pub fn name(self) -> String {
        format!("io.k8s.{}", self.data.name)
    }

    /// Its content.
    #[must_use]
    pub fn node(self) -> Node<'a> {
        self.arena.node(self.data.node)
    }

    /// Its `x-kubernetes-group-version-kind`.
    pub fn gvks(self) -> impl Iterator<Item = GroupVersionKind> {
        decode::gvks(self.data.rest).map(|(group, version, kind)| GroupVersionKind::new(group, version, kind))
    }

    pub(super) fn description(self) -> usize {
        self.data.description as usize
    }
}

/// The built-in kinds. The first call decodes the table, in about a millisecond; it stays.
#[must_use]
pub fn builtin() -> &'static Builtin {
    static BUILTIN: OnceLock<Builtin> = OnceLock::new();
    BUILTIN.get_or_init(decode::table)
}

impl Builtin {
    /// What is known about a served kind.
    #[must_use]
    pub fn kind(&self, gvk: &GroupVersionKind) -> Option<&KindInfo> {
        self.by_gvk.get(&borrowed(gvk)).map(|at| &self.kinds[*at])
    }

    /// All kinds that a default API server serves, by group.
    #[must_use]
    pub fn kinds(&self) -> &[KindInfo] {
        &self.kinds
    }

    /// The kind with that plural name.
    #[must_use]
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&KindInfo> {
        self.kinds.iter().find(|kind| kind.plural == plural && kind.gvk.version == version && kind.gvk.group == group)
    }

    /// What an alpha or beta that is served no more has become: `batch/v1beta1` CronJob is `batch/v1` CronJob. Old
    /// manifests still have them; scope and merge keys have stayed.
    #[must_use]
    pub fn successor(&self, gvk: &GroupVersionKind) -> Option<&KindInfo> {
        if !gvk.version.contains("alpha") && !gvk.version.contains("beta") {
            return None;
        }
        let group = match (gvk.group.as_str(), gvk.kind.as_str()) {
            ("extensions", "Deployment" | "DaemonSet" | "ReplicaSet") => "apps",
            ("extensions", "Ingress" | "NetworkPolicy") => "networking.k8s.io",
            (group, _) => group,
        };
        self.kinds.iter().rfind(|kind| kind.gvk.kind == gvk.kind && kind.gvk.group == group)
    }

    /// The schema of a kind; also of kinds that are not served by default, and of lists.
    #[must_use]
    pub fn schema(&self, gvk: &GroupVersionKind) -> Option<Schema> {
        let at = self.schemas.get(&borrowed(gvk))?;
        Some(Schema { arena: Arc::clone(&self.arena), root: self.definitions[usize::from(*at)].node })
    }

    /// As [`Builtin::schema`], borrowed.
    #[must_use]
    pub fn node(&self, gvk: &GroupVersionKind) -> Option<Node<'_>> {
        let at = self.schemas.get(&borrowed(gvk))?;
        Some(self.arena.node(self.definitions[usize::from(*at)].node))
    }

    /// The definition of a kind.
    #[must_use]
    pub fn definition_of(&self, gvk: &GroupVersionKind) -> Option<Definition<'_>> {
        let at = self.schemas.get(&borrowed(gvk))?;
        Some(Definition { data: &self.definitions[usize::from(*at)], arena: &self.arena })
    }

    /// All definitions, sorted by name.
    #[must_use]
    pub fn definitions(&self) -> impl ExactSizeIterator<Item = Definition<'_>> {
        self.definitions.iter().map(|data| Definition { data, arena: &self.arena })
    }

    /// A definition by its whole name, such as `io.k8s.api.core.v1.PodSpec`.
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<Definition<'_>> {
        let at = self.by_name.get(name.strip_prefix("io.k8s.")?)?;
        Some(Definition { data: &self.definitions[usize::from(*at)], arena: &self.arena })
    }

    /// The schema of `metadata`.
    #[must_use]
    pub fn object_meta(&self) -> Node<'_> {
        self.arena.node(self.object_meta)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Kind, ListType, MapType};
    use super::*;

    #[track_caller]
    fn node(api_version: &str, kind: &str, path: &str) -> Node<'static> {
        let mut node = builtin().node(&GroupVersionKind::from_api_version(api_version, kind)).unwrap();
        for part in path.split('.') {
            node = if part == "[]" { node.items().unwrap() } else { node.field(part).unwrap() };
        }
        node
    }

    #[test]
    fn the_table_decodes_and_knows_containers() {
        assert!(builtin().kinds().len() > 60);
        let containers = node("apps/v1", "Deployment", "spec.template.spec.containers");
        assert_eq!(containers.merge_key(), Some("name"));
        assert!(containers.patch_strategy().merge);
        assert_eq!((containers.list_type(), containers.list_keys().next()), (ListType::Map, Some("name")));
        let ports = node("v1", "Pod", "spec.containers.[].ports");
        assert_eq!(ports.list_keys().collect::<Vec<_>>(), ["containerPort", "protocol"]);
        assert_eq!(ports.merge_key(), Some("containerPort"));
        let port = ports.items().unwrap();
        assert_eq!(port.field("protocol").unwrap().default(), Some(&Value::from("TCP")));
        assert_eq!(port.required().collect::<Vec<_>>(), ["containerPort"]);
        assert_eq!(port.definition().as_deref(), Some("io.k8s.api.core.v1.ContainerPort"));
        assert!(node("apps/v1", "Deployment", "spec.strategy").patch_strategy().retain_keys);
        assert!(node("policy/v1", "PodDisruptionBudget", "spec.selector").patch_strategy().replace);
        assert_eq!(node("v1", "Service", "spec.ports.[].targetPort").kind(), Kind::IntOrString);
        assert_eq!(node("apps/v1", "Deployment", "spec.selector").map_type(), MapType::Atomic);
        assert_eq!(node("v1", "Secret", "data").values().unwrap().kind(), Kind::Bytes);
    }

    #[test]
    fn a_schema_may_refer_to_itself() {
        let crd = node("apiextensions.k8s.io/v1", "CustomResourceDefinition", "spec.versions.[].schema");
        let props = crd.field("openAPIV3Schema").unwrap();
        assert!(props.field("not").unwrap().is_same(props));
    }

    #[test]
    fn old_betas_have_successors() {
        let successor = |api_version: &str, kind: &str| {
            let gvk = GroupVersionKind::from_api_version(api_version, kind);
            builtin().successor(&gvk).map(|info| info.gvk.api_version())
        };
        assert_eq!(successor("extensions/v1beta1", "Ingress").as_deref(), Some("networking.k8s.io/v1"));
        assert_eq!(successor("autoscaling/v2beta2", "HorizontalPodAutoscaler").as_deref(), Some("autoscaling/v2"));
        assert_eq!(successor("apps/v1", "Deployment"), None);
        assert_eq!(successor("policy/v1beta1", "PodSecurityPolicy"), None);
    }

    #[test]
    fn subresources_know_their_kind() {
        let deployment = builtin().resource("apps", "v1", "deployments").unwrap();
        let scale = &deployment.subresources[0];
        assert_eq!((scale.name, scale.kind, scale.api_version), ("scale", "Scale", Some("autoscaling/v1")));
        assert_eq!(deployment.short_names, ["deploy"]);
    }
}
