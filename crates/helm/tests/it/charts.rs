//! conformance/helm-charts: rendered in this process, compared by value, equal bytes counted.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sluice_helm::{Chart, Limits, Rendered, render};
use sluice_yaml::{Dialect, Limits as YamlLimits, parse_all};

use crate::flags::{Flags, strings};

#[test]
fn charts_render_as_with_helm() {
    let Some(suite) = sluice_testing::suite("helm-charts") else { return };
    let dir = suite.dir().to_owned();
    let mut names: Vec<String> =
        fs::read_dir(dir.join("cases")).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let (equal, good, words, charts) = (Cell::new(0), Cell::new(0), Cell::new(0), Charts::default());
    let outcomes = names.into_iter().map(|name| {
        let outcome =
            case(&dir, &name, &charts, &equal, &good, &words).map_err(|why| why.chars().take(2_000).collect());
        (name, outcome)
    });
    suite.report(FLOOR, outcomes);
    println!("helm-charts, equal bytes: {}/{}", equal.get(), good.get());
    println!("helm-charts, equal errors: {}", words.get());
    assert!(words.get() >= WORDS, "{} errors in Helm's words, {WORDS} did before", words.get());
    assert!(equal.get() >= EQUAL, "{} outputs equal Helm's byte for byte, {EQUAL} did before", equal.get());
}

const FLOOR: usize = 737;
const EQUAL: usize = 565;
const WORDS: usize = 159;

/// The charts that were loaded: a chart's cases share it, and what it keeps of its parsed templates.
#[derive(Default)]
struct Charts(RefCell<HashMap<PathBuf, Result<Chart, String>>>);

impl Charts {
    fn load(&self, path: PathBuf) -> Result<Chart, String> {
        self.0.borrow_mut().entry(path).or_insert_with_key(|path| load(path)).clone()
    }
}

fn load(path: &Path) -> Result<Chart, String> {
    let limits = Limits::default();
    let chart = if path.is_dir() {
        let tree = sluice_tree::disk::read(path, &sluice_tree::Limits::default()).map_err(|e| e.to_string())?;
        Chart::load(&tree, &limits)
    } else {
        Chart::from_archive(&fs::read(path).map_err(|e| e.to_string())?, &limits)
    };
    chart.map_err(|e| e.to_string())
}

fn case(
    dir: &Path,
    name: &str,
    charts: &Charts,
    equal: &Cell<usize>,
    good: &Cell<usize>,
    words: &Cell<usize>,
) -> Result<(), String> {
    let folder = dir.join("cases").join(name);
    let case: Value = serde_json::from_str(&fs::read_to_string(folder.join("case.json")).unwrap()).unwrap();
    let rendered = template(dir, &folder, &case, charts);
    let Ok(expected) = fs::read_to_string(folder.join("expected.yaml")) else {
        let wanted = fs::read_to_string(folder.join("expected-error.txt")).unwrap();
        return match rendered {
            Ok(_) => Err("renders, but Helm fails".into()),
            Err(found) => {
                // The command adds the words in front and the advice behind, and names the files as they were given.
                let wanted = wanted.trim_end().trim_start_matches("Error: ");
                let wanted = wanted.trim_end_matches("\n\nUse --debug flag to render out invalid YAML");
                words.set(words.get() + usize::from(wanted == found.trim_end()));
                Ok(())
            }
        };
    };
    good.set(good.get() + 1);
    let actual = rendered?;
    if actual == expected {
        equal.set(equal.get() + 1);
        return Ok(());
    }
    let read = |text: &str| parse_all(text, Dialect::V2, &YamlLimits::default()).map_err(|e| e.to_string());
    let (a, b) = (read(&expected)?, read(&actual)?);
    for (one, other) in a.iter().zip(&b) {
        if one.value != other.value {
            return Err(format!("document at line {} differs{}", one.line, difference(&one.value, &other.value)));
        }
    }
    if a.len() == b.len() { Ok(()) } else { Err(format!("{} documents, expected {}", b.len(), a.len())) }
}

/// Where two values differ first, and how.
fn difference(expected: &Value, actual: &Value) -> String {
    match (expected, actual) {
        (Value::Object(a), Value::Object(b)) => {
            let missing = a.iter().find(|(key, _)| !b.contains_key(*key)).map(|(key, _)| format!(": no {key}"));
            let extra = || b.keys().find(|key| !a.contains_key(*key)).map(|key| format!(": unexpected {key}"));
            let differs = || {
                let pair = a.iter().filter_map(|(key, value)| Some((key, value, b.get(key)?)));
                let mut pair = pair.filter(|(_, one, other)| one != other);
                pair.next().map(|(key, one, other)| format!(".{key}{}", difference(one, other)))
            };
            missing.or_else(extra).or_else(differs).unwrap_or_default()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pair = a.iter().zip(b).enumerate().find(|(_, (one, other))| one != other);
            pair.map_or_else(String::new, |(at, (one, other))| format!("[{at}]{}", difference(one, other)))
        }
        _ => format!(": expected {expected}, got {actual}"),
    }
}

fn template(dir: &Path, folder: &Path, case: &Value, charts: &Charts) -> Result<String, String> {
    let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
    let relative = format!("cases/{}", folder.file_name().unwrap().to_str().unwrap());
    let flags = strings(&case["flags"]).into_iter().map(|it| it.replace("{case}", &relative));
    let mut flags = Flags::parse(flags)?;
    for file in strings(&case["valuesFiles"]) {
        flags.values.files.push(folder.join(file).display().to_string());
    }
    let read = |path: &str| fs::read(dir.join(path)).map_err(|e| e.to_string());
    let chart = charts.load(dir.join(text("chart")))?;
    let values = flags.values.merge(&read)?;
    let rendered = render(&chart, &values, &flags.options(&text("release"), &text("namespace")));
    let rendered = rendered.map_err(|e| e.to_string())?;
    let output = rendered.template_output(flags.crds, flags.no_hooks, flags.skip_tests);
    if flags.show.is_empty() {
        return Ok(output);
    }
    Rendered::show_only(&output, &flags.show).map_err(|e| e.to_string())
}
