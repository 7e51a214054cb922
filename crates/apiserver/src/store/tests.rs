use super::*;
use serde_json::json;

fn draft(name: &str, data: u32) -> Draft {
    Draft::new(&json!({"metadata": {"name": name, "namespace": "n"}, "data": data}))
}

fn store() -> (Store, Slot) {
    let store = Store::in_memory(Limits::default());
    let slot = store.slot("configmaps.");
    (store, slot)
}

fn names(store: &Store, slot: Slot, at: Option<u64>) -> Result<Vec<String>, Unavailable> {
    let (listing, _) = store.list(slot, "n", None, at, usize::MAX, &mut |_| true)?;
    Ok(listing.objects.iter().map(|o| o.name().to_owned()).collect())
}

#[test]
fn a_write_with_a_stale_version_is_refused() {
    let (store, slot) = store();
    let first = store.create(slot, draft("a", 1)).unwrap();
    let second = store.replace(slot, draft("a", 2), first.version()).unwrap();
    assert_eq!(store.replace(slot, draft("a", 3), first.version()).unwrap_err(), WriteError::Conflict);
    assert_eq!(store.create(slot, draft("a", 3)).unwrap_err(), WriteError::Exists);
    assert_eq!(store.replace(slot, draft("b", 3), 1).unwrap_err(), WriteError::Missing);
    let same = store.replace(slot, draft("a", 2), second.version()).unwrap();
    assert_eq!(same.version(), second.version(), "an equal state is no write");
}

#[test]
fn a_list_can_show_the_past() {
    let (store, slot) = store();
    let a = store.create(slot, draft("a", 1)).unwrap();
    let b = store.create(slot, draft("b", 1)).unwrap();
    store.remove(slot, "n/a", a.version()).unwrap();
    store.create(slot, draft("c", 1)).unwrap();
    assert_eq!(names(&store, slot, None).unwrap(), ["b", "c"]);
    assert_eq!(names(&store, slot, Some(b.version())).unwrap(), ["a", "b"]);
    assert_eq!(names(&store, slot, Some(a.version())).unwrap(), ["a"]);
    store.forget_history();
    assert!(matches!(names(&store, slot, Some(a.version())), Err(Unavailable::TooOld { .. })));
    assert!(matches!(names(&store, slot, Some(1000)), Err(Unavailable::TooNew { .. })));
}

#[test]
fn pages_begin_after_a_key_and_tell_what_is_left() {
    let (store, slot) = store();
    for name in ["a", "b", "c"] {
        store.create(slot, draft(name, 1)).unwrap();
    }
    let (page, left) = store.list(slot, "n", Some("n/a"), None, 1, &mut |_| true).unwrap();
    assert_eq!((page.objects[0].name(), left), ("b", 1));
    for after in ["a/x", "n0", "z/z"] {
        store.list(slot, "n", Some(after), None, 1, &mut |_| true).unwrap();
    }
}

#[test]
fn a_watch_resumes_without_a_gap_and_a_slow_one_is_dropped() {
    let store = Store::in_memory(Limits { watch_queue: 2, ..Limits::default() });
    let slot = store.slot("configmaps.");
    let a = store.create(slot, draft("a", 1)).unwrap();
    store.create(slot, draft("b", 1)).unwrap();
    let mut watch = store.watch(slot, a.version()).unwrap();
    store.create(slot, draft("c", 1)).unwrap();
    let mut seen = Vec::new();
    while let Some(event) = watch.try_next() {
        seen.push(event.object.name().to_owned());
    }
    assert_eq!(seen, ["b", "c"]);
    for name in ["d", "e", "f"] {
        store.create(slot, draft(name, 1)).unwrap();
    }
    seen.clear();
    while let Some(event) = watch.try_next() {
        seen.push(event.object.name().to_owned());
    }
    assert_eq!(seen, ["d", "e"]);
    assert!(store.read().slots[slot.0].watchers.is_empty());
}

#[test]
fn the_data_directory_survives_a_torn_write_and_names_damage() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Limits::default()).unwrap();
    let slot = store.slot("configmaps.");
    let a = store.create(slot, draft("a", 1)).unwrap();
    store.replace(slot, draft("a", 2), a.version()).unwrap();
    let b = store.create(slot, draft("b", 1)).unwrap();
    store.remove(slot, "n/b", b.version()).unwrap();
    let version = store.version();
    drop(store);
    let path = directory.path().join("objects.log");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], &[9, 0, 0, 0, 1, 2]].concat()).unwrap();
    let store = Store::open(directory.path(), Limits::default()).unwrap();
    let slot = store.slot("configmaps.");
    assert_eq!(names(&store, slot, None).unwrap(), ["a"]);
    assert_eq!(store.version(), version);
    assert_eq!(store.get(slot, "n/a").unwrap().value("v1", "X")["data"], json!(2));
    drop(store);
    let mut damaged = whole;
    damaged[30] ^= 0xFF;
    std::fs::write(&path, damaged).unwrap();
    assert!(matches!(Store::open(directory.path(), Limits::default()), Err(LogError::Damaged { .. })));
}
