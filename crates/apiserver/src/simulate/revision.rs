//! Revisions of templates: their hashes, and the ControllerRevisions that `kubectl rollout` reads.

use serde_json::{Value, json};

use crate::rest::meta;

use super::world::{Kind, World, number, owned_metadata};

/// A hash of a template, in letters that cannot spell words.
pub fn hash(template: &Value) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    // FNV-1a; objects print their keys sorted.
    let mut hash: u32 = 0x811c_9dc5;
    for byte in template.to_string().bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash.to_string().bytes().map(|digit| char::from(LETTERS[usize::from(digit - b'0')])).collect()
}

/// A revision of an owner.
#[derive(Debug)]
pub struct Revision {
    /// Name of its ControllerRevision.
    pub name: String,
    /// Its hash.
    pub hash: String,
}

/// Makes sure that the owner's template has its ControllerRevision, with the highest number; old ones beyond the
/// history limit go.
pub fn ensure(world: &mut World, owner: &Value, kept: &[&str]) -> Revision {
    let template = &owner["spec"]["template"];
    let hash = hash(template);
    let name = format!("{}-{hash}", meta::text(owner, "name"));
    let mut revisions = world.children_of(meta::text(owner, "uid"), Kind::Revision);
    revisions.sort_by_key(|(_, revision, _)| number(revision, "/revision"));
    let latest = revisions.last().map_or(0, |(_, revision, _)| number(revision, "/revision"));
    match revisions.iter().find(|(id, ..)| id.name() == name) {
        Some((_, revision, version)) if number(revision, "/revision") < latest => {
            let mut revision = revision.clone();
            revision["revision"] = (latest + 1).into();
            world.put(Kind::Revision, &revision, *version);
        }
        Some(_) => {}
        None => {
            let mut labels = template["metadata"]["labels"].clone();
            labels["controller-revision-hash"] = hash.as_str().into();
            let mut data = template.clone();
            data["$patch"] = "replace".into();
            let revision = json!({
                "metadata": owned_metadata(owner, &name, labels, json!({})),
                "data": {"spec": {"template": data}},
                "revision": latest + 1,
            });
            world.create(Kind::Revision, &revision);
        }
    }
    let limit = owner["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10).max(0) as usize;
    let old: Vec<_> = revisions.iter().filter(|(id, ..)| id.name() != name && !kept.contains(&id.name())).collect();
    for (_, revision, version) in old.iter().take(old.len().saturating_sub(limit)) {
        world.delete(Kind::Revision, revision, *version);
    }
    Revision { name, hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_templates_have_equal_hashes() {
        let (a, b) = (json!({"x": 1, "y": [2]}), json!({"y": [2], "x": 1}));
        assert_eq!(hash(&a), hash(&b));
        assert_ne!(hash(&a), hash(&json!({"x": 2, "y": [2]})));
    }
}
