//! Paths: with `/`, and as the system has them, which is the same here.

use sluice_gotemplate::Functions;

use crate::convert::{STR, ok, text};

pub(crate) fn add(f: &mut Functions) {
    for name in ["base", "osBase"] {
        f.add(name, &[STR], None, |_, a| ok(base(&text(&a[0]))));
    }
    for name in ["dir", "osDir"] {
        f.add(name, &[STR], None, |_, a| {
            let path = text(&a[0]);
            ok(clean(&path[..path.rfind('/').map_or(0, |at| at + 1)]))
        });
    }
    for name in ["clean", "osClean"] {
        f.add(name, &[STR], None, |_, a| ok(clean(&text(&a[0]))));
    }
    for name in ["ext", "osExt"] {
        f.add(name, &[STR], None, |_, a| {
            let path = text(&a[0]);
            let last = path.rsplit('/').next().unwrap_or("");
            ok(last.rfind('.').map_or("", |at| &last[at..]).to_owned())
        });
    }
    for name in ["isAbs", "osIsAbs"] {
        f.add(name, &[STR], None, |_, a| ok(text(&a[0]).starts_with('/')));
    }
}

fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".into();
    }
    match path.trim_end_matches('/').rsplit('/').next() {
        Some("") | None => "/".into(),
        Some(last) => last.to_owned(),
    }
}

pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}
