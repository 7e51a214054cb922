//! The garbage collector: dependents follow their owners, as each owner's deletion asks.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::core::{Context, Core};
use crate::kinds::Served;
use crate::rest::{self, DeleteOptions, Propagation, meta};
use crate::store::{Change, Event, Object, Slot};

/// An object's place: slot and key.
type Place = (Slot, String);

/// Slots that controllers look at often.
#[derive(Debug, Clone, Copy)]
pub struct Slots {
    /// Namespaces.
    pub namespaces: Slot,
    /// Secrets.
    pub secrets: Slot,
    /// CustomResourceDefinitions.
    pub definitions: Slot,
    /// ClusterRoles.
    pub cluster_roles: Slot,
}

/// Who owns whom, by uid.
pub struct Graph {
    slots: Slots,
    /// All objects that exist.
    present: HashMap<Box<str>, Place>,
    /// Dependents of each owner.
    children: HashMap<Box<str>, HashSet<Place>>,
    /// Owners that are gone or are waiting for their dependents.
    owners: Vec<(Box<str>, Option<Place>)>,
    /// Objects whose owners may not exist.
    suspects: Vec<Place>,
}

impl Graph {
    /// The graph of what is stored.
    pub fn read(core: &Core) -> Self {
        let slot = |name: &str| core.store.slot(name);
        let slots = Slots {
            namespaces: slot("namespaces."),
            secrets: slot("secrets."),
            definitions: slot("customresourcedefinitions.apiextensions.k8s.io"),
            cluster_roles: slot("clusterroles.rbac.authorization.k8s.io"),
        };
        let mut graph =
            Self { slots, present: HashMap::new(), children: HashMap::new(), owners: Vec::new(), suspects: Vec::new() };
        for served in core.kinds().resources() {
            for object in core.store.all(served.resource.slot, "").objects {
                graph.add(served.resource.slot, &object);
            }
        }
        graph
    }

    /// The slots.
    pub fn slots(&self) -> Slots {
        self.slots
    }

    /// Whether a slot holds custom resources.
    pub fn is_custom(&self, core: &Core, slot: Slot) -> bool {
        core.kinds().all().iter().any(|s| s.resource.slot == slot && s.custom.is_some())
    }

    fn add(&mut self, slot: Slot, object: &Object) {
        let place = (slot, object.key().to_owned());
        for owner in object.owners() {
            self.children.entry(owner.clone()).or_default().insert(place.clone());
        }
        if !object.owners().is_empty() {
            self.suspects.push(place.clone());
        }
        if object.is_deleting() {
            self.owners.push((object.uid().into(), Some(place.clone())));
        }
        self.present.insert(object.uid().into(), place);
    }

    /// Takes in an event.
    pub fn note(&mut self, event: &Event) {
        let place = (event.slot, event.object.key().to_owned());
        if let Some(before) = &event.before {
            for owner in before.owners() {
                let still = event.change != Change::Deleted && event.object.owners().contains(owner);
                if !still && let Some(children) = self.children.get_mut(owner) {
                    children.remove(&place);
                    if children.is_empty() {
                        self.children.remove(owner);
                    }
                    // An owner that waits for its dependents may go now.
                    if let Some(owner_place) = self.present.get(owner) {
                        self.owners.push((owner.clone(), Some(owner_place.clone())));
                    }
                }
            }
        }
        if event.change == Change::Deleted {
            self.present.remove(event.object.uid());
            if self.children.contains_key(event.object.uid()) {
                self.owners.push((event.object.uid().into(), None));
            }
        } else {
            self.add(event.slot, &event.object);
        }
    }

    /// Does what events have made due.
    pub fn work(&mut self, core: &Core) {
        for (uid, place) in std::mem::take(&mut self.owners) {
            match place {
                Some(place) => self.waiting_owner(core, &uid, &place),
                None => self.orphaned(core, &uid),
            }
        }
        for place in std::mem::take(&mut self.suspects) {
            self.check_owners(core, &place);
        }
    }

    fn served(core: &Core, slot: Slot) -> Option<std::sync::Arc<Served>> {
        core.kinds().all().iter().find(|s| s.resource.slot == slot).cloned()
    }

    /// An owner is gone: its dependents follow when no other owner is left.
    fn orphaned(&mut self, core: &Core, uid: &str) {
        let children: Vec<Place> = self.children.get(uid).into_iter().flatten().cloned().collect();
        for place in children {
            self.check_owners(core, &place);
        }
    }

    /// Deletes a dependent none of whose owners exist, and cuts its ties to those that do not.
    fn check_owners(&mut self, core: &Core, place: &Place) {
        let Some(served) = Self::served(core, place.0) else { return };
        let Some(object) = core.store.get(place.0, &place.1) else { return };
        if object.owners().is_empty() || object.is_deleting() {
            return;
        }
        let exists = |uid: &str| {
            self.present.get(uid).is_some_and(|(slot, key)| {
                let owner_namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
                // An owner in another namespace is none.
                (owner_namespace.is_empty() || owner_namespace == object.namespace())
                    && core.store.get(*slot, key).is_some_and(|o| o.uid() == uid)
            })
        };
        let waiting = |uid: &str| {
            self.present.get(uid).and_then(|(slot, key)| core.store.get(*slot, key)).is_some_and(|owner| {
                owner.is_deleting() && {
                    let value = Self::served(core, self.present[uid].0).map(|s| s.value(&owner));
                    value.is_some_and(|v| meta::finalizers(&v).contains(&"foregroundDeletion"))
                }
            })
        };
        let (there, gone): (Vec<&Box<str>>, Vec<&Box<str>>) = object.owners().iter().partition(|uid| exists(uid));
        if gone.is_empty() && !there.iter().all(|uid| waiting(uid)) {
            return;
        }
        if there.iter().any(|uid| !waiting(uid)) {
            // Another owner keeps it; only the dead references go.
            let mut value = served.value(&object);
            if let Some(owners) = meta::of_mut(&mut value).get_mut("ownerReferences").and_then(Value::as_array_mut) {
                owners.retain(|o| o["uid"].as_str().is_some_and(|uid| there.iter().any(|t| t.as_ref() == uid)));
            }
            let _ = core.store.replace(place.0, served.draft(&value), object.version());
            return;
        }
        let propagation = match there.is_empty() {
            true => Propagation::Background,
            false => Propagation::Foreground,
        };
        let value = served.value(&object);
        let keeps = meta::finalizers(&value);
        let propagation = match (keeps.contains(&"orphan"), keeps.contains(&"foregroundDeletion")) {
            (true, _) => Propagation::Orphan,
            (false, true) => Propagation::Foreground,
            _ => {
                // Foreground goes on below only where there is something to wait for.
                let has_children = self.children.contains_key(object.uid());
                if propagation == Propagation::Foreground && has_children {
                    propagation
                } else {
                    Propagation::Background
                }
            }
        };
        let options = DeleteOptions {
            propagation: Some(propagation),
            uid: Some(object.uid().to_owned()),
            ..DeleteOptions::default()
        };
        let context = Context::internal("kube-controller-manager");
        if let Err(error) = rest::delete(core, &served, object.namespace(), object.name(), &options, &context) {
            tracing::debug!(%error, object = object.key(), "garbage collection");
        }
    }

    /// An owner that is being deleted: does what its finalizers ask.
    fn waiting_owner(&mut self, core: &Core, uid: &str, place: &Place) {
        let Some(served) = Self::served(core, place.0) else { return };
        let Some(object) = core.store.get(place.0, &place.1) else { return };
        if object.uid() != uid || !object.is_deleting() {
            return;
        }
        let value = served.value(&object);
        let finalizers = meta::finalizers(&value);
        if finalizers.contains(&"orphan") {
            self.release(core, uid);
            Self::drop_finalizer(core, &served, &object, "orphan");
        } else if finalizers.contains(&"foregroundDeletion") {
            let children: Vec<Place> = self.children.get(uid).into_iter().flatten().cloned().collect();
            let mut blocking = false;
            for child in children {
                self.check_owners(core, &child);
                let Some(child) = core.store.get(child.0, &child.1).map(|o| (child.0, o)) else { continue };
                let Some(kind) = Self::served(core, child.0) else { continue };
                let value = kind.value(&child.1);
                blocking |= meta::of(&value)
                    .get("ownerReferences")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .any(|o| o["uid"] == uid && o["blockOwnerDeletion"] == true);
            }
            if !blocking {
                Self::drop_finalizer(core, &served, &object, "foregroundDeletion");
            }
        }
    }

    /// Cuts the ties of all dependents to an owner.
    fn release(&mut self, core: &Core, uid: &str) {
        let children: Vec<Place> = self.children.get(uid).into_iter().flatten().cloned().collect();
        for (slot, key) in children {
            let Some(served) = Self::served(core, slot) else { continue };
            while let Some(object) = core.store.get(slot, &key) {
                let mut value = served.value(&object);
                let metadata = meta::of_mut(&mut value);
                if let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
                    owners.retain(|o| o["uid"] != uid);
                    if owners.is_empty() {
                        metadata.remove("ownerReferences");
                    }
                }
                if core.store.replace(slot, served.draft(&value), object.version()).is_ok() {
                    break;
                }
            }
        }
    }

    fn drop_finalizer(core: &Core, served: &Served, object: &Object, finalizer: &str) {
        let mut value = served.value(object);
        let metadata = meta::of_mut(&mut value);
        let mut last = true;
        if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|f| f != finalizer);
            last = finalizers.is_empty();
        }
        if last {
            metadata.remove("finalizers");
        }
        let slot = served.resource.slot;
        let graceful = meta::of(&value).get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0) > 0;
        let draft = served.draft(&value);
        let _ = match last && !graceful && crate::admission::may_vanish(served, &value) {
            true => core.store.replace_and_remove(slot, draft, object.version()),
            false => core.store.replace(slot, draft, object.version()),
        };
    }
}
