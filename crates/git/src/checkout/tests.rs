//! Trees that must not be checked out (SECURITY 70 to 72, 76, 80).

use super::*;
use crate::objects::Object;
use gix::oid;
use std::collections::HashMap;

#[derive(Default)]
struct Memory(HashMap<ObjectId, Object>);

impl Memory {
    fn add(&mut self, kind: Kind, data: &[u8]) -> ObjectId {
        let id = gix::objs::compute_hash(HASH, kind, data).unwrap();
        self.0.insert(id, Object { kind, data: Bytes::copy_from_slice(data) });
        id
    }

    fn tree(&mut self, entries: &[(&str, &[u8], ObjectId)]) -> ObjectId {
        let mut data = Vec::new();
        for (mode, name, id) in entries {
            data.extend_from_slice(mode.as_bytes());
            data.push(b' ');
            data.extend_from_slice(name);
            data.push(0);
            data.extend_from_slice(id.as_slice());
        }
        self.add(Kind::Tree, &data)
    }
}

impl Objects for Memory {
    fn find(&self, id: &oid) -> Result<Option<Object>, Error> {
        Ok(self.0.get(id).cloned())
    }

    fn origin(&self) -> &str {
        "u"
    }
}

fn take(objects: &Memory, tree: ObjectId, limits: &sluice_tree::Limits) -> Result<Vec<String>, Error> {
    let mut builder = TreeBuilder::new(limits.clone());
    let what = What { prefix: "", sparse: &Sparse::default(), commit: "c", limits };
    checkout(objects, tree, &what, &mut builder, &Interrupt::default())?;
    Ok(builder.build().walk().map(|(path, _)| path.to_owned()).collect())
}

fn one(mode: &str, name: &[u8], content: &[u8]) -> Result<Vec<String>, Error> {
    let mut objects = Memory::default();
    let id = objects.add(Kind::Blob, content);
    let tree = objects.tree(&[(mode, name, id)]);
    take(&objects, tree, &sluice_tree::Limits::default())
}

#[track_caller]
fn refused(result: Result<Vec<String>, Error>, part: &str) {
    let err = result.expect_err(part);
    assert!(matches!(err, Error::RefusedEntry { .. }), "{err}");
    assert!(err.to_string().contains(part), "{err}");
}

#[test]
fn names_that_some_system_takes_for_dot_git_are_refused() {
    let names = [
        ".git",
        ".GIT",
        ".giT",
        "git~1",
        "GIT~1",
        ".g\u{200c}it",
        ".git::$INDEX_ALLOCATION",
        ".git.",
        ".git ",
        ".git\\x",
    ];
    for name in names {
        refused(one("100644", name.as_bytes(), b""), "never be used");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, part) in
        [(&b"."[..], "disallowed"), (b"..", "disallowed"), (b"a/b", "separator"), (b"/", "separator"), (b"", "empty")]
    {
        refused(one("100644", name, b""), part);
    }
    refused(one("100644", b"a\xff", b""), "not UTF-8");
}

#[test]
fn odd_but_honest_names_are_taken() {
    for name in [".gitignore", ".github", "aux", "a:b", "...", "a../b".split('/').next().unwrap(), "é"] {
        assert_eq!(one("100644", name.as_bytes(), b"").unwrap(), [name]);
    }
}

#[test]
fn links_are_kept_and_never_followed() {
    for target in ["/proc/self/environ", "../../x", "link"] {
        assert_eq!(one("120000", b"link", target.as_bytes()).unwrap(), ["link"]);
    }
    refused(one("120000", b"link", b"a\0b"), "no path");
    refused(one("120000", b"link", &[b'a'; 5000]), "no path");
    refused(one("120000", b".gitmodules", b"x"), "symlink");
}

#[test]
fn nothing_is_put_through_a_link() {
    let mut objects = Memory::default();
    let blob = objects.add(Kind::Blob, b"/tmp");
    let below = objects.tree(&[("100644", b"x", blob)]);
    let tree = objects.tree(&[("120000", b"a", blob), ("40000", b"a", below)]);
    refused(take(&objects, tree, &sluice_tree::Limits::default()), "there twice");
}

#[test]
fn names_in_different_case_are_different_files() {
    let mut objects = Memory::default();
    let blob = objects.add(Kind::Blob, b"");
    let tree = objects.tree(&[("100644", b"A.yaml", blob), ("100644", b"a.yaml", blob)]);
    assert_eq!(take(&objects, tree, &sluice_tree::Limits::default()).unwrap(), ["A.yaml", "a.yaml"]);
}

#[test]
fn two_unicode_forms_of_one_name_are_different_files() {
    let mut objects = Memory::default();
    let blob = objects.add(Kind::Blob, b"");
    let (decomposed, composed) = ("e\u{301}.yaml", "\u{e9}.yaml");
    let tree = objects.tree(&[("100644", decomposed.as_bytes(), blob), ("100644", composed.as_bytes(), blob)]);
    assert_eq!(take(&objects, tree, &sluice_tree::Limits::default()).unwrap(), [decomposed, composed]);
}

#[test]
fn a_git_bomb_reaches_a_limit() {
    let mut objects = Memory::default();
    let mut tree = objects.tree(&[]);
    for _ in 0..10 {
        let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let entries: Vec<(&str, &[u8], ObjectId)> = names.iter().map(|it| ("40000", it.as_bytes(), tree)).collect();
        tree = objects.tree(&entries);
    }
    let err = take(&objects, tree, &sluice_tree::Limits::default()).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "entries (limit `entries`)", .. }), "{err}");
}

#[test]
fn a_deep_tree_reaches_a_limit() {
    let mut objects = Memory::default();
    let blob = objects.add(Kind::Blob, b"");
    let mut tree = objects.tree(&[("100644", b"x", blob)]);
    for _ in 0..10_000 {
        tree = objects.tree(&[("40000", b"d", tree)]);
    }
    let err = take(&objects, tree, &sluice_tree::Limits::default()).unwrap_err();
    assert!(matches!(err, Error::Limit { what: "depth of directories (limit `depth`)", .. }), "{err}");
}

#[test]
fn too_many_bytes_reach_a_limit() {
    let mut objects = Memory::default();
    let blob = objects.add(Kind::Blob, &[0; 100]);
    let tree = objects.tree(&[("100644", b"a", blob), ("100644", b"b", blob)]);
    let limits = |extracted| sluice_tree::Limits { extracted, ..sluice_tree::Limits::default() };
    take(&objects, tree, &limits(200)).unwrap();
    refused(take(&objects, tree, &limits(199)), "extracted");
}

#[test]
fn missing_and_mistaken_objects_are_errors() {
    let mut objects = Memory::default();
    let blob = objects.add(Kind::Blob, b"x");
    let missing = ObjectId::empty_tree(HASH);
    for entry in [("100644", &b"a"[..], missing), ("40000", b"a", blob), ("40000", b"a", missing)] {
        let tree = objects.tree(&[entry]);
        assert!(matches!(take(&objects, tree, &sluice_tree::Limits::default()), Err(Error::Corrupt { .. })));
    }
    let junk = objects.add(Kind::Tree, b"junk");
    assert!(matches!(take(&objects, junk, &sluice_tree::Limits::default()), Err(Error::Corrupt { .. })));
}
