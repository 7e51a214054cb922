//! How many replicas which ReplicaSet gets next.

use serde_json::Value;

use crate::rest::meta;

use super::super::world::{Kind, World};
use super::{DESIRED, MOST, Set, Wanted, bump_generation, meta_annotation};

/// Replicas of a new ReplicaSet at its birth.
pub fn first_replicas(wanted: &Wanted, old: &[Set]) -> i64 {
    let running: i64 = old.iter().map(Set::replicas).sum();
    (wanted.replicas + wanted.surge - running).clamp(0, wanted.replicas)
}

/// Moves replicas as far as the limits of the strategy allow now; tells whether it did.
pub fn move_replicas(world: &mut World, wanted: &Wanted, paused: bool, new: Option<&Set>, old: &[Set]) -> bool {
    let running: Vec<&Set> = old.iter().filter(|set| set.replicas() > 0).collect();
    // One ReplicaSet alone follows the Deployment at once, also while it is paused.
    let alone = match (new, running.as_slice()) {
        (Some(set), []) => Some(set),
        (None, [set]) if paused => Some(*set),
        (Some(new), [set]) if paused && new.replicas() == 0 => Some(*set),
        _ => None,
    };
    if let Some(set) = alone {
        return scale(world, set, wanted.replicas, wanted);
    }
    if paused {
        return false;
    }
    if wanted.recreate {
        return scale_all_to_zero(world, &running, wanted);
    }
    let Some(new) = new else { return false };
    if grow(world, new, old, wanted) {
        return true;
    }
    shrink(world, new, &running, wanted)
}

fn scale_all_to_zero(world: &mut World, running: &[&Set], wanted: &Wanted) -> bool {
    let mut wrote = false;
    for set in running {
        wrote |= scale(world, set, 0, wanted);
    }
    wrote
}

fn grow(world: &mut World, new: &Set, old: &[Set], wanted: &Wanted) -> bool {
    if new.replicas() > wanted.replicas {
        return scale(world, new, wanted.replicas, wanted);
    }
    let all: i64 = new.replicas() + old.iter().map(Set::replicas).sum::<i64>();
    let room = wanted.replicas + wanted.surge - all;
    let more = room.min(wanted.replicas - new.replicas());
    more > 0 && scale(world, new, new.replicas() + more, wanted)
}

/// Takes from the old ReplicaSets what the new one makes up for: first what is not available anyway.
fn shrink(world: &mut World, new: &Set, running: &[&Set], wanted: &Wanted) -> bool {
    let old_replicas: i64 = running.iter().map(|set| set.replicas()).sum();
    let least = wanted.replicas - wanted.unavailable;
    let new_unavailable = new.replicas() - new.counted("availableReplicas");
    let mut allowed = new.replicas() + old_replicas - least - new_unavailable;
    let mut left: Vec<i64> = running.iter().map(|set| set.replicas()).collect();
    for (at, set) in running.iter().enumerate() {
        let dead = (set.replicas() - set.counted("availableReplicas")).clamp(0, allowed.max(0));
        left[at] -= dead;
        allowed -= dead;
    }
    let available: i64 =
        new.counted("availableReplicas") + running.iter().map(|s| s.counted("availableReplicas")).sum::<i64>();
    let mut spare = (available - least).min(allowed);
    for count in &mut left {
        let taken = (*count).min(spare).max(0);
        *count -= taken;
        spare -= taken;
    }
    let mut wrote = false;
    for (set, count) in running.iter().zip(left) {
        wrote |= scale(world, set, count, wanted);
    }
    wrote
}

/// Writes `spec.replicas` of a ReplicaSet and the annotations beside; tells whether that changed anything.
fn scale(world: &mut World, set: &Set, replicas: i64, wanted: &Wanted) -> bool {
    let mut value = set.value.clone();
    meta_annotation(&mut value, DESIRED, &wanted.replicas.to_string());
    meta_annotation(&mut value, MOST, &(wanted.replicas + wanted.surge).to_string());
    if set.replicas() != replicas {
        value["spec"]["replicas"] = replicas.into();
        bump_generation(&mut value);
    }
    if same(&value, &set.value) {
        return false;
    }
    let wrote = world.put(Kind::ReplicaSet, &value, set.version).is_some();
    if wrote && set.replicas() != replicas {
        super::tell_scaled(world, &value, Some(set.replicas()), replicas);
    }
    true
}

fn same(a: &Value, b: &Value) -> bool {
    a["spec"] == b["spec"] && meta::of(a) == meta::of(b)
}
