//! `conformance/semver`.

use serde_json::{Value, json};
use sluice_version::{Constraint, Version, pick};

#[test]
fn semver() {
    let Some(suite) = sluice_testing::suite("semver") else { return };
    suite.run(1439, |case| match case["kind"].as_str().expect("a kind") {
        "match" => matches(case),
        "parse" => parse(case),
        "compare" => same("order", case, version(&case["a"]).cmp(&version(&case["b"])) as i8),
        "sort" => sort(case),
        "latest" => latest(case),
        "git" => git(case),
        "helmIndex" => helm_index(case),
        "helmOci" => helm_oci(case),
        "bump" => bump(case),
        other => Err(format!("unknown kind {other}")),
    });
}

fn matches(case: &Value) -> Result<(), String> {
    let constraint = match (Constraint::parse(text(&case["constraint"])), case.get("constraintError")) {
        (Ok(constraint), None) => constraint,
        (Err(_), Some(_)) => return Ok(()),
        (got, want) => return Err(format!("constraint: want error {want:?}, got {got:?}")),
    };
    same("constraintString", case, constraint.to_string())?;
    match (Version::parse(text(&case["version"])), case.get("versionError")) {
        (Ok(version), None) => same("matches", case, constraint.matches(&version)),
        (Err(_), Some(_)) => Ok(()),
        (got, want) => Err(format!("version: want error {want:?}, got {got:?}")),
    }
}

fn parse(case: &Value) -> Result<(), String> {
    let input = text(&case["version"]);
    for (what, got) in [
        ("error", Version::parse(input)),
        ("strictError", Version::parse_strict(input)),
        ("fluxError", Version::parse_tag(input)),
    ] {
        if got.is_err() != case.get(what).is_some() {
            return Err(format!("{what}: want {}, got {got:?}", case[what]));
        }
    }
    let Ok(version) = Version::parse(input) else { return Ok(()) };
    same("major", case, version.major)?;
    same("minor", case, version.minor)?;
    same("patch", case, version.patch)?;
    same("prerelease", case, version.prerelease())?;
    same("metadata", case, version.metadata())?;
    same("canonical", case, version.to_string())
}

fn sort(case: &Value) -> Result<(), String> {
    let constraint = case["constraint"].as_str().map(|c| Constraint::parse(c).expect("a constraint"));
    same("descending", case, pick::sorted(constraint.as_ref(), texts(&case["versions"])))
}

fn latest(case: &Value) -> Result<(), String> {
    let constraint = Constraint::parse(text(&case["constraint"])).expect("a constraint");
    let got = pick::latest(Some(&constraint), texts(&case["versions"]));
    if got.is_none() == (case["none"] == true) && got.is_none() {
        return Ok(());
    }
    same("imagePolicy", case, got)?;
    same("ociRepository", case, got)
}

fn git(case: &Value) -> Result<(), String> {
    let constraint = Constraint::parse(text(&case["constraint"])).map_err(|e| e.to_string())?;
    let tags = list(&case["tags"]).iter().map(|tag| (text(&tag["name"]), tag["time"].as_i64()));
    picked("tag", case, pick::latest_by_key(Some(&constraint), tags))
}

fn helm_index(case: &Value) -> Result<(), String> {
    let entries = list(&case["versions"]).iter().map(|entry| (text(&entry["version"]), entry["created"].as_str()));
    let entries: Vec<_> = entries.collect();
    let got = pick::helm_index(text(&case["constraint"]), &entries).ok().flatten();
    picked("version", case, got.map(|i| entries[i].0))?;
    if got.is_some() { same("index", case, got) } else { Ok(()) }
}

fn helm_oci(case: &Value) -> Result<(), String> {
    let tags: Vec<_> = texts(&case["versions"]).collect();
    picked("version", case, pick::helm_oci(text(&case["constraint"]), &tags).ok().flatten())
}

fn bump(case: &Value) -> Result<(), String> {
    let version = version(&case["version"]);
    same("major", case, version.next_major().original())?;
    same("minor", case, version.next_minor().original())?;
    same("patch", case, version.next_patch().original())
}

fn picked(field: &str, case: &Value, got: Option<&str>) -> Result<(), String> {
    if got.is_none() && case.get("error").is_some() { Ok(()) } else { same(field, case, got) }
}

fn same(field: &str, case: &Value, got: impl serde::Serialize) -> Result<(), String> {
    let got = json!(got);
    if case[field] == got { Ok(()) } else { Err(format!("{field}: want {}, got {got}", case[field])) }
}

fn version(value: &Value) -> Version {
    Version::parse(text(value)).expect("a version")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    list(value).iter().map(text)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}
