//! Garbage collection.

use std::fs::{File, FileTimes};
use std::io::{Read, Write};
use std::time::{Duration, SystemTime};

use sluice_artifact::{Retention, Storage};

use crate::stand::at;

/// Files with ages in seconds (below zero: from the future); `now.tgz` is the advertised one. What is left is returned.
#[track_caller]
fn check(ages: &[(&str, i64)], ttl: u64, records: usize, want: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), "x").unwrap();
    for (name, age) in ages {
        let stored = storage.publish(&at(name), |out| out.write_all(name.as_bytes())).unwrap();
        let (age, now) = (Duration::from_secs(age.unsigned_abs()), SystemTime::now());
        let time = if ages.iter().any(|(n, a)| n == name && *a < 0) { now + age } else { now - age };
        let file = File::options().write(true).open(storage.path(&stored.location)).unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }
    let retention = Retention { ttl: Duration::from_secs(ttl), records };
    let collected = storage.collect(&at("now.tgz"), &retention).unwrap();
    assert!(collected.failed.is_empty());
    let mut left: Vec<_> = ages.iter().map(|(name, _)| *name).filter(|name| storage.exists(&at(name))).collect();
    left.sort_unstable();
    assert_eq!(left, want);
    assert_eq!(collected.removed.len(), ages.len() - want.len());
}

#[test]
fn what_is_old_or_too_much_goes_and_the_advertised_stays() {
    check(&[("a.tgz", 10), ("now.tgz", 0)], 60, 2, &["a.tgz", "now.tgz"]);
    check(&[("a.tgz", 61), ("now.tgz", 0)], 60, 2, &["now.tgz"]);
    check(&[("a.tgz", 30), ("b.tgz", 20), ("c.tgz", 10), ("now.tgz", 0)], 60, 2, &["c.tgz", "now.tgz"]);
    check(&[("a.tgz", 10), ("b.tgz", 20), ("now.tgz", 9999)], 60, 2, &["a.tgz", "now.tgz"]);
    check(&[("a.tgz", 10), ("now.tgz", 9999)], 0, 0, &["now.tgz"]);
    check(&[("a.tgz", -3600), ("now.tgz", 0)], 60, 2, &["a.tgz", "now.tgz"]);
    check(&[("now.tgz", 9999)], 60, 2, &["now.tgz"]);
}

#[test]
fn nothing_there_is_nothing_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), "x").unwrap();
    assert!(storage.collect(&at("now.tgz"), &Retention::default()).unwrap().removed.is_empty());
}

#[test]
fn a_download_under_way_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), "x").unwrap();
    storage.publish(&at("old.tgz"), |out| out.write_all(b"old")).unwrap();
    let mut open = File::open(storage.path(&at("old.tgz"))).unwrap();
    storage.publish(&at("now.tgz"), |out| out.write_all(b"now")).unwrap();
    storage.link(&at("now.tgz"), &at("latest.tar.gz")).unwrap();
    storage.collect(&at("now.tgz"), &Retention { ttl: Duration::from_secs(60), records: 1 }).unwrap();
    assert!(!storage.exists(&at("old.tgz")));
    assert!(std::fs::read(storage.path(&at("latest.tar.gz"))).is_ok(), "the link stays");
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old");
}
