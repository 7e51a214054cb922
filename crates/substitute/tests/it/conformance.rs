//! `conformance/envsubst`.

use serde_json::Value;
use sluice_substitute::{Limits, Mode, Options, Variables, evaluate, object};
use sluice_yaml::Dialect;

#[test]
fn envsubst() {
    let Some(suite) = sluice_testing::suite("envsubst") else { return };
    suite.run(696, |case| if case["kind"] == "eval" { eval(case) } else { resource(case) });
}

fn eval(case: &Value) -> Result<(), String> {
    let input = case["input"].as_str().unwrap();
    let got = evaluate(input, &variables(&case["vars"]), mode(case), &Limits::default());
    match (got, case["output"].as_str()) {
        (Ok(got), Some(want)) if go_text(&got) == want => Ok(()),
        (Err(got), None) => match case["error"].as_str() {
            Some(want) if want != got.to_string() => Err(format!("want error `{want}`, got `{got}`")),
            _ => Ok(()),
        },
        (got, want) => Err(format!("want {want:?} {}, got {:?}", case["error"], got.map(|got| go_text(&got)))),
    }
}

fn resource(case: &Value) -> Result<(), String> {
    let input = sluice_yaml::parse(case["resource"].as_str().unwrap(), Dialect::V3).unwrap();
    let options = Options { mode: mode(case), always: case["always"] == true, limits: Limits::default() };
    let got = all_variables(case).and_then(|variables| object(&input, &variables, &options).map_err(|e| e.to_string()));
    match (got, case.get("error")) {
        (Ok(got), None) => {
            if case["skipped"] == true && got.is_some() {
                return Err("not skipped".to_owned());
            }
            let got = got.unwrap_or(input);
            if same(&got, &case["result"]) { Ok(()) } else { Err(format!("want {}, got {got}", case["result"])) }
        }
        (Err(got), Some(want)) if got == *want || want.as_str().unwrap().contains("YAMLToJSON") => Ok(()),
        (got, want) => Err(format!("want error {want:?}, got {got:?}")),
    }
}

/// What the controller makes of `substituteFrom` and `substitute`.
fn all_variables(case: &Value) -> Result<Variables, String> {
    let mut all = Variables::new();
    for from in case["substituteFrom"].as_array().into_iter().flatten() {
        let (kind, name) = (from["kind"].as_str().unwrap(), from["name"].as_str().unwrap());
        let (list, plural) = match kind {
            "Secret" => ("secrets", "secrets"),
            "ConfigMap" => ("configMaps", "configmaps"),
            // The schema of the API knows no other kind; the original passes over one.
            _ => continue,
        };
        match case[list].get(name) {
            Some(data) => all.extend(variables(data)),
            None if from["optional"] == true => {}
            None => return Err(format!("substitute from '{kind}/{name}' error: {plural} \"{name}\" not found")),
        }
    }
    all.extend(variables(&case["substitute"]));
    Ok(all)
}

fn mode(case: &Value) -> Mode {
    if case["strict"] == true { Mode::Strict } else { Mode::Lenient }
}

fn variables(map: &Value) -> Variables {
    let pairs = map.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// Equal by value: the recorded numbers went through a float.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.as_f64() == b.as_f64() && a.as_i64().is_none()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && same(a, b))
        }
        (a, b) => a == b,
    }
}

/// As Go writes bytes that are no text into JSON: a replacement character for each.
fn go_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}
