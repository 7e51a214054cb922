//! A process that is killed while it stores: faults F3 and F4 of the fault list, invariants I3 and I11.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sluice_artifact::{Digest, Storage};

use crate::stand::at;

const FOLDER: &str = "SLUICE_TEST_STORE_UNTIL_KILLED";

/// Started by the other test as a process of its own; without the variable there is nothing to do.
#[test]
fn stores_until_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let storage = Storage::open(folder, "x").unwrap();
    for i in 0_u32.. {
        let data = vec![i.to_le_bytes()[0]; 200_000 + (i as usize * 7919) % 3_000_000];
        let location = at(Digest::of(&data).hex());
        // Small writes: more moments to be killed at.
        storage.publish(&location, |out| data.chunks(10_000).try_for_each(|chunk| out.write_all(chunk))).unwrap();
        storage.link(&location, &at("latest.tar.gz")).unwrap();
        if i > 2 {
            storage.collect(&location, &sluice_artifact::Retention::default()).unwrap();
        }
    }
}

#[test]
fn a_kill_leaves_whole_files_only() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(at("x").folder());
    let mut stored = 0;
    for round in 0..8 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["killing::stores_until_killed", "--exact"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // However long the other process takes to start, it is killed in the middle of its work.
        for _ in 0..1000 {
            if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(30 + round * 17));
        // A reader while it runs, and after the kill.
        stored += whole_files(&folder);
        child.kill().unwrap();
        child.wait().unwrap();
        stored += whole_files(&folder);
        Storage::open(dir.path(), "x").unwrap();
        let left = |name: &str| name.starts_with('.') || name.ends_with(".lock");
        let listed = fs::read_dir(&folder).into_iter().flatten().map(|e| e.unwrap().file_name().into_string().unwrap());
        assert_eq!(listed.filter(|name| left(name)).count(), 0, "temporary files are swept");
    }
    assert!(stored > 0, "the other process got to store something");
    assert!(fs::metadata(folder.join("latest.tar.gz")).unwrap().is_file(), "the link leads to a file");
}

/// How many artifacts there are; each has the digest that is its name.
fn whole_files(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // The other process collects: a file may be gone by now.
        if let (false, Ok(data)) = (name.starts_with('.') || name == "latest.tar.gz", fs::read(&path)) {
            assert_eq!(Digest::of(&data).hex(), name);
            files += 1;
        }
    }
    files
}
