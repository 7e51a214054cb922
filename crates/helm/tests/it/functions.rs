//! conformance/helm-functions: one template, and the very text or error that Helm gave for it.

use serde_json::Value;
use sluice_helm::{Chart, Limits, render, render_templates};
use sluice_tree::{Limits as TreeLimits, TreeBuilder};

use crate::flags::{Flags, strings};

const CHART: &str =
    "apiVersion: v2\nname: specimen\nversion: 0.4.2\nappVersion: \"2.7\"\ndescription: A chart for one template\n";

/// The count reached; it only rises.
const FLOOR: usize = 2638;

#[test]
fn templates_give_what_helm_gave() {
    let Some(suite) = sluice_testing::suite("helm-functions") else { return };
    let outcomes = suite.lines("cases.jsonl").into_iter().map(|case| {
        let found = std::panic::catch_unwind(|| rendered(&case)).unwrap_or_else(|_| Err("a panic".to_owned()));
        let wanted = match case["expect"].as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(case["error"].as_str().unwrap().to_owned()),
        };
        let same = match (&found, &wanted) {
            (Err(found), Err(wanted)) => match wanted.split_once(" [...] ") {
                Some((head, tail)) => found.starts_with(head) && found.ends_with(tail),
                None => found == wanted,
            },
            (found, wanted) => found == wanted,
        };
        let why = || format!("template {}\n wanted {wanted:?}\n found  {found:?}", case["template"]);
        (case["id"].as_str().unwrap().to_owned(), if same { Ok(()) } else { Err(why()) })
    });
    suite.report(FLOOR, outcomes.collect::<Vec<_>>());
}

fn rendered(case: &Value) -> Result<String, String> {
    let files =
        case["files"].as_object().into_iter().flatten().map(|(path, text)| (path.as_str(), text.as_str().unwrap()));
    let values = case["valuesText"].as_str().map_or_else(
        || if case["values"].is_null() { "{}".to_owned() } else { case["values"].to_string() },
        str::to_owned,
    );
    let own =
        [("Chart.yaml", CHART), ("values.yaml", &values), ("templates/case.yaml", case["template"].as_str().unwrap())];
    let helpers = case["helpers"].as_str().map(|text| ("templates/_helpers.tpl", text));
    let mut tree = TreeBuilder::new(TreeLimits::default());
    for (path, text) in own.into_iter().chain(helpers).chain(files) {
        tree.remove(path);
        tree.file(path, text.to_owned(), false).unwrap();
    }
    let mut flags = Flags::parse(strings(&case["flags"]))?;
    let release = &case["release"];
    flags.upgrade = release["isUpgrade"].as_bool().unwrap_or_default();
    let of = |field: &str, usual: &str| release[field].as_str().unwrap_or(usual).to_owned();
    let options = flags.options(&of("name", "demo"), &of("namespace", "lab"));
    let chart = Chart::load(&tree.build(), &Limits::default()).map_err(|error| error.to_string())?;
    let values = flags.values.merge(&|path| Err(format!("{path}: there are no files")))?;
    if case["direct"] == true {
        let rendered = render(&chart, &values, &options).map_err(|error| error.to_string())?;
        let output = rendered.template_output(false, false, false);
        let kept: String = output.split_inclusive('\n').filter(|line| !line.starts_with("# Source: ")).collect();
        return Ok(kept.strip_prefix("---\n").map_or(kept.clone(), str::to_owned));
    }
    let mut texts = render_templates(&chart, &values, &options).map_err(|error| error.to_string())?;
    texts.remove("specimen/templates/case.yaml").ok_or_else(|| "the template is not rendered".to_owned())
}
