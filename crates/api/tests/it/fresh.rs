use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[path = "../../examples/manifests/render.rs"]
mod render;

#[test]
fn what_is_checked_in_is_what_the_types_say() {
    let folder = sluice_testing::workspace_root().join("config/crds");
    let mut found = BTreeMap::new();
    read(&folder, &folder, &mut found);
    for (path, text) in &render::files() {
        assert!(found.remove(path).as_ref() == Some(text), "config/crds/{path} is stale: run `make manifests`");
    }
    assert!(found.is_empty(), "no type makes {:?} of config/crds", found.into_keys());
}

fn read(root: &Path, folder: &Path, into: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, into);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            into.insert(name, fs::read_to_string(path).unwrap());
        }
    }
}
