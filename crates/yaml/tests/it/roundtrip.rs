//! Everything kustomize printed is read and printed again without a changed byte.

use std::fs;

use sluice_yaml::{Dialect, Limits, emit_all, parse_all};

#[test]
fn what_go_printed_is_printed_the_same() {
    let Some(suite) = sluice_testing::suite("kustomize") else { return };
    let suite = suite.named("yaml-roundtrip");
    let mut cases: Vec<_> = fs::read_dir(suite.dir().join("cases"))
        .expect("the suite has cases")
        .filter_map(|entry| entry.ok().map(|entry| entry.path().join("expected.yaml")))
        .filter(|path| path.is_file())
        .collect();
    cases.sort();
    suite.report(
        996,
        cases.iter().map(|path| {
            let id = path.iter().rev().nth(1).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let text = fs::read_to_string(path).expect("expected output is text");
            (id, again(&text, Dialect::V2).and_then(|()| again(&text, Dialect::V3)))
        }),
    );
}

fn again(text: &str, dialect: Dialect) -> Result<(), String> {
    let documents = parse_all(text, dialect, &Limits::default()).map_err(|e| format!("{dialect:?}: {e}"))?;
    let printed = emit_all(documents.iter().map(|document| &document.value)).map_err(|e| e.to_string())?;
    match text.lines().zip(printed.lines()).position(|(want, got)| want != got) {
        None if text == printed => Ok(()),
        None => Err(format!("{dialect:?}: {} bytes became {}", text.len(), printed.len())),
        Some(line) => Err(format!("{dialect:?}: line {} differs", line + 1)),
    }
}
