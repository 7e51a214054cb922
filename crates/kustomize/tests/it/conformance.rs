//! The recorded answers of kustomize 5.8.1.

use std::fs;
use std::path::Path;

use sluice_kustomize::{Build, Disk, Errors, LoadRestrictor, Options, Reorder, Value, build};
use sluice_yaml::{Dialect, Limits, parse_all};

/// Cases that pass, and those among them with the same bytes. Both may only rise.
const PASS: usize = 1108;
const SAME_BYTES: usize = 1108;

#[test]
fn conformance() {
    let Some(suite) = sluice_testing::suite("kustomize") else { return };
    let mut cases: Vec<_> =
        fs::read_dir(suite.dir().join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    // Charts need an engine of their own, except where it is an error to name one.
    cases.retain(|case| !name(case).starts_with("helm--"));
    let mut same_bytes = 0;
    let outcomes: Vec<_> = cases.iter().map(|case| (name(case), check(case, &mut same_bytes))).collect();
    println!("kustomize: {same_bytes} with the same bytes");
    suite.report(PASS, outcomes);
    assert!(same_bytes >= SAME_BYTES, "{same_bytes} cases have the same bytes, {SAME_BYTES} had");
}

fn name(case: &Path) -> String {
    case.file_name().unwrap().to_string_lossy().into_owned()
}

fn check(case: &Path, same_bytes: &mut usize) -> Result<(), String> {
    let built = run(case);
    let want = match fs::read_to_string(case.join("expected.yaml")) {
        Ok(want) => want,
        Err(_) => {
            return match built {
                Ok(_) => Err("built, where kustomize fails".to_owned()),
                Err(error) if error.0.is_empty() => Err("an error that says nothing".to_owned()),
                Err(_) => {
                    *same_bytes += 1;
                    Ok(())
                }
            };
        }
    };
    let (got, built) = built.map_err(|error| format!("failed: {error}"))?;
    if got == want {
        *same_bytes += 1;
        return warnings(case, &built);
    }
    let documents = |text: &str| -> Result<Vec<Value>, String> {
        let documents = parse_all(text, Dialect::V2, &Limits::default()).map_err(|error| error.to_string())?;
        Ok(documents.into_iter().map(|document| document.value).collect())
    };
    if documents(&got)? == documents(&want)? {
        return warnings(case, &built);
    }
    let line = got.lines().zip(want.lines()).position(|(a, b)| a != b);
    let at = line.unwrap_or_else(|| got.lines().count().min(want.lines().count()));
    let show = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    Err(format!("line {}: got `{}`, want `{}`", at + 1, show(&got), show(&want)))
}

fn warnings(case: &Path, built: &Build) -> Result<(), String> {
    let about: Value = serde_json::from_str(&fs::read_to_string(case.join("case.json")).unwrap()).unwrap();
    let strip = |text: &str| text.rsplit_once("Warning").map_or(text.to_owned(), |(_, text)| text.to_owned());
    let want: Vec<String> =
        about["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).map(strip).collect();
    let got: Vec<String> = built.warnings.iter().map(|text| strip(text)).collect();
    let missing = want.iter().find(|text| !got.contains(text));
    missing.map_or(Ok(()), |text| Err(format!("no warning `{text}`")))
}

fn run(case: &Path) -> Result<(String, Build), Errors> {
    let about: Value = serde_json::from_str(&fs::read_to_string(case.join("case.json")).unwrap()).unwrap();
    let mut options = Options::default();
    for flag in about["flags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        match flag {
            "--load-restrictor=LoadRestrictionsNone" => options.load_restrictor = LoadRestrictor::None,
            "--reorder=none" => options.reorder = Reorder::None,
            "--reorder=legacy" => options.reorder = Reorder::Legacy,
            _ => {}
        }
    }
    let files = Disk::new(case.join("input")).unwrap();
    let built = build(&files, about["run"].as_str().unwrap(), &options)?;
    Ok((built.to_yaml()?, built))
}
