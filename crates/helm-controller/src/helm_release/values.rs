//! The values of a release (spec/flux/helm.md §6).

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ApiResource;
use kube::{Api, Client};
use serde_json::{Map, Value};
use sluice_api::helm::{HelmRelease, ValuesKind, ValuesReference};
use sluice_helm::{strvals, values};
use sluice_yaml::Dialect;

use super::failure::Failure;
use crate::context::Context;

type Values = Map<String, Value>;

/// From the first use on, a change of what is referred to wakes whoever refers to it.
pub async fn watch(object: &HelmRelease, ctx: &Context) {
    let kinds = |kind: &ValuesKind| object.spec.values_from.iter().any(|from| from.kind == *kind);
    for (kind, plural) in [(ValuesKind::ConfigMap, "configmaps"), (ValuesKind::Secret, "secrets")] {
        if kinds(&kind) && ctx.options.watch_references && !ctx.gate("DisableConfigWatchers") {
            let resource = ApiResource {
                group: String::new(),
                version: "v1".to_owned(),
                api_version: "v1".to_owned(),
                kind: kind.to_string(),
                plural: plural.to_owned(),
            };
            if let Err(error) = ctx.index.watch(&resource).await {
                tracing::warn!(%error, "changes of referenced objects are seen at the interval alone");
            }
        }
    }
}

/// The values of the named objects in order, then the inline ones, later ones winning.
pub async fn collect(object: &HelmRelease, client: &Client) -> Result<Values, Failure> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let inline = inline(object)?;
    let mut merged = Values::new();
    for from in &object.spec.values_from {
        let key = if from.values_key.is_empty() { "values.yaml" } else { &from.values_key };
        let what = format!("{} '{namespace}/{}'", from.kind, from.name);
        let fail = |why: String| Failure::Values(format!("could not resolve {what} chart values reference: {why}"));
        let data = match from.kind {
            ValuesKind::Secret => secret(client, namespace, &from.name, key).await,
            ValuesKind::ConfigMap => config_map(client, namespace, &from.name, key).await,
            ValuesKind::Other(_) => return Err(fail("neither a Secret nor a ConfigMap".to_owned())),
        };
        match data.map_err(|error| fail(error.to_string()))? {
            Found::Value(text) => merge(&mut merged, from, &text, &inline, &what).map_err(Failure::Values)?,
            Found::NoKey | Found::Nothing if from.optional => {}
            Found::NoKey => return Err(fail(format!("missing key '{key}'"))),
            Found::Nothing => return Err(fail("not found; create it, or set `optional: true`".to_owned())),
        }
    }
    values::overlay(&mut merged, inline);
    Ok(merged)
}

fn inline(object: &HelmRelease) -> Result<Values, Failure> {
    match &object.spec.values {
        None | Some(Value::Null) => Ok(Values::new()),
        Some(values @ Value::Object(_)) => {
            let mut values = values.clone();
            // Helm reads JSON's numbers so.
            values::floats(&mut values);
            Ok(if let Value::Object(map) = values { map } else { Values::new() })
        }
        Some(_) => Err(Failure::Values("spec.values: values are a map".to_owned())),
    }
}

/// Puts one reference's content over what is there. Errors never quote it: it may be a secret.
fn merge(merged: &mut Values, from: &ValuesReference, text: &str, inline: &Values, what: &str) -> Result<(), String> {
    if from.target_path.is_empty() {
        let values = values::read(text).map_err(|_| {
            let line = sluice_yaml::parse_all(text, Dialect::V2, &sluice_yaml::Limits::default());
            let why = line.err().map_or("not a map".to_owned(), |error| format!("no YAML at line {}", error.line));
            format!("unable to read values from {what}: {why}")
        })?;
        values::overlay(merged, values);
        return Ok(());
    }
    // What is inline counts as there already, so that a path leads into it.
    values::overlay(merged, inline.clone());
    set(merged, &from.target_path, text, from.literal).map_err(|()| {
        format!("unable to merge value from {what} at path `{}`: the path or the value does not fit", from.target_path)
    })
}

fn set(values: &mut Values, path: &str, text: &str, literal: bool) -> Result<(), ()> {
    if literal {
        let escaped: String = text.chars().flat_map(|c| escape(c).into_iter().flatten()).collect();
        return strvals::set_string(&format!("{path}={escaped}"), values).map_err(drop);
    }
    let quoted = |quote: char| text.len() >= 2 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('"') || quoted('\'') {
        return strvals::set_string(&format!("{path}={}", &text[1..text.len() - 1]), values).map_err(drop);
    }
    strvals::set(&format!("{path}={text}"), values).map_err(drop)
}

/// A character that would mean something, behind a backslash.
fn escape(c: char) -> [Option<char>; 2] {
    let special = matches!(c, '\\' | ',' | '[' | ']' | '{' | '}' | '=' | '.');
    if special { [Some('\\'), Some(c)] } else { [Some(c), None] }
}

enum Found {
    Nothing,
    NoKey,
    Value(String),
}

async fn config_map(client: &Client, namespace: &str, name: &str, key: &str) -> Result<Found, kube::Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let Some(found) = api.get_opt(name).await? else { return Ok(Found::Nothing) };
    Ok(found.data.and_then(|mut data| data.remove(key)).map_or(Found::NoKey, Found::Value))
}

async fn secret(client: &Client, namespace: &str, name: &str, key: &str) -> Result<Found, kube::Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let Some(found) = api.get_opt(name).await? else { return Ok(Found::Nothing) };
    let value = found.data.and_then(|mut data| data.remove(key));
    Ok(value.map_or(Found::NoKey, |bytes| Found::Value(String::from_utf8_lossy(&bytes.0).into_owned())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(references: &[(&str, &str, bool)], inline: Value, want: Value) {
        let mut object = HelmRelease::default();
        object.spec.values = Some(inline);
        let inline = super::inline(&object).unwrap();
        let mut merged = Values::new();
        for (path, text, literal) in references {
            let from =
                ValuesReference { target_path: (*path).to_owned(), literal: *literal, ..ValuesReference::default() };
            merge(&mut merged, &from, text, &inline, "ConfigMap 'a/b'").unwrap();
        }
        values::overlay(&mut merged, inline);
        let mut want = want;
        values::floats(&mut want);
        let mut got = Value::Object(merged);
        values::floats(&mut got);
        assert_eq!(got, want);
    }

    #[test]
    fn later_values_win_and_inline_ones_last() {
        check(
            &[("", "a: {x: 1, l: [1]}", false), ("", "a: {z: 2, l: [2]}", false)],
            json!({}),
            json!({"a": {"x": 1, "z": 2, "l": [2]}}),
        );
        check(&[("", "a: 1\nb: 1", false)], json!({"a": 2}), json!({"a": 2, "b": 1}));
        check(&[("", "a: null", false)], json!({}), json!({"a": null}));
    }

    #[test]
    fn a_value_goes_to_its_path() {
        check(&[("a.b[0].c", "7", false)], json!({}), json!({"a": {"b": [{"c": 7}]}}));
        check(&[("a.b", "'7'", false)], json!({}), json!({"a": {"b": "7"}}));
        check(&[("a", "x,b=y", false)], json!({}), json!({"a": "x", "b": "y"}));
        check(&[("a", "x,b=y{[1]}.z\\", true)], json!({}), json!({"a": "x,b=y{[1]}.z\\"}));
        check(&[("a", "1", false)], json!({"a": 2}), json!({"a": 2}));
    }

    #[test]
    fn an_error_does_not_quote_the_content() {
        let from = ValuesReference::default();
        let error = merge(&mut Values::new(), &from, "a: 1\nswordfish: [", &Values::new(), "Secret 'a/b'").unwrap_err();
        assert!(error.contains("line") && !error.contains("swordfish"), "{error}");
        let error = merge(&mut Values::new(), &from, "swordfish", &Values::new(), "Secret 'a/b'").unwrap_err();
        assert!(!error.contains("swordfish"), "{error}");
        let from = ValuesReference { target_path: "a[9999999]".into(), ..from };
        let error = merge(&mut Values::new(), &from, "swordfish", &Values::new(), "Secret 'a/b'").unwrap_err();
        assert!(!error.contains("swordfish"), "{error}");
    }
}
