//! The storage folder: whole files or none, for good.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use sluice_artifact::{Digest, Problem, Storage};
use sluice_tree::Limits;

use crate::stand::{at, tree};

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_tree_is_stored_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path().join("data"), "source-controller.flux-system.svc.cluster.local.").unwrap();
    let stored = storage.publish_tree(&at("0c1f.tar.gz"), &tree(&[("a/b", "x")])).unwrap();
    assert_eq!(
        stored.url,
        "http://source-controller.flux-system.svc.cluster.local./gitrepository/flux-system/podinfo/0c1f.tar.gz"
    );
    let path = storage.path(&stored.location);
    let bytes = fs::read(&path).unwrap();
    assert_eq!((stored.size, &stored.digest), (bytes.len() as u64, &Digest::of(&bytes)));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let read = storage.read_tree(&stored.location, &stored.digest, &Limits::default()).unwrap();
    assert!(read.is_file("a/b"));
    storage.verify(&stored.location, &stored.digest).unwrap();
    assert_eq!(Storage::open(dir.path(), "https://x.y/").unwrap().url(&at("f")), format!("https://x.y/{}", at("f")));
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), "x").unwrap();
    let stored = storage.publish(&at("a"), |out| out.write_all(b"old")).unwrap();
    let error = storage.publish(&at("a"), |out| {
        out.write_all(b"half of the new")?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    });
    assert!(error.unwrap_err().to_string().starts_with("cannot write `"));
    storage.verify(&stored.location, &stored.digest).unwrap();
    assert_eq!(names(&dir.path().join(at("a").folder())), ["a"]);
}

#[test]
fn what_a_killed_process_leaves_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), "x").unwrap();
    let stored = storage.publish(&at("a"), |out| out.write_all(b"whole")).unwrap();
    let folder = dir.path().join(at("a").folder());
    for left in [".sluice-Ab12", ".sluice-link-latest.tar.gz", "a.lock"] {
        fs::write(folder.join(left), "half").unwrap();
    }
    // Whatever else lies in the folder is not ours.
    fs::create_dir_all(dir.path().join("lost+found/x/y/z/deep")).unwrap();
    fs::write(dir.path().join("lost+found/note"), "").unwrap();
    let storage = Storage::open(dir.path(), "x").unwrap();
    assert_eq!(names(&folder), ["a"]);
    storage.verify(&stored.location, &stored.digest).unwrap();
    assert!(dir.path().join("lost+found/note").exists());
}

#[test]
fn a_wrong_or_missing_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), "x").unwrap();
    let stored = storage.publish_tree(&at("a"), &tree(&[("a", "x")])).unwrap();
    // As after a power loss that kept the name, but not the bytes.
    fs::write(storage.path(&at("a")), "").unwrap();
    assert!(matches!(storage.verify(&at("a"), &stored.digest), Err(Problem::Digest { .. })));
    assert!(matches!(storage.read(&at("a"), &stored.digest), Err(Problem::Digest { .. })));
    storage.remove(&at("a")).unwrap();
    storage.remove(&at("a")).unwrap();
    assert!(matches!(storage.verify(&at("a"), &stored.digest), Err(Problem::Missing(_))));
    let outside = dir.path().join("outside");
    fs::write(&outside, "secret").unwrap();
    symlink(&outside, storage.path(&at("b"))).unwrap();
    assert!(matches!(storage.read(&at("b"), &Digest::of(b"secret")), Err(Problem::Missing(_))));
}

#[test]
fn the_latest_link_moves_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), "x").unwrap();
    let link = at("latest.tar.gz");
    for file in ["a.tar.gz", "b.tar.gz"] {
        storage.publish(&at(file), |out| out.write_all(file.as_bytes())).unwrap();
        assert_eq!(storage.link(&at(file), &link).unwrap(), format!("http://x/{link}"));
        assert_eq!(fs::read_to_string(storage.path(&link)).unwrap(), file);
    }
    storage.remove_all(&link).unwrap();
    storage.remove_all(&link).unwrap();
    assert!(!dir.path().join(link.folder()).exists());
}
