//! Values against recorded ones with their wildcards.

use serde_json::Value;

/// Whether `got` is what `want` describes; where it is not, a path and both values.
pub fn matches(want: &Value, got: &Value, at: &str) -> Result<(), String> {
    let differ = || Err(format!("{at}: want {want}, got {got}"));
    match want {
        Value::String(text) if text.ends_with("{any}") => {
            let start = &text[..text.len() - 5];
            let text = got.as_str().map(str::to_owned).unwrap_or_else(|| got.to_string());
            if text.starts_with(start) { Ok(()) } else { differ() }
        }
        Value::Object(map) if map.contains_key("{anyOrder}") => {
            let (Some(want), Some(got)) = (map["{anyOrder}"].as_array(), got.as_array()) else { return differ() };
            let mut left: Vec<&Value> = got.iter().collect();
            for item in want {
                let Some(found) = left.iter().position(|it| matches(item, it, at).is_ok()) else {
                    return Err(format!("{at}: no {item} in {got:?}"));
                };
                left.remove(found);
            }
            if left.is_empty() { Ok(()) } else { Err(format!("{at}: too many: {left:?}")) }
        }
        Value::Object(map) if map.contains_key("{anyLineOrder}") => {
            let mut want: Vec<&str> =
                map["{anyLineOrder}"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let mut lines: Vec<&str> = got.as_str().unwrap_or_default().split('\n').collect();
            want.sort_unstable();
            lines.sort_unstable();
            if want == lines { Ok(()) } else { differ() }
        }
        Value::Object(map) => {
            let Some(other) = got.as_object() else { return differ() };
            for (key, value) in map {
                let Some(found) = other.get(key) else { return Err(format!("{at}.{key}: missing, want {value}")) };
                matches(value, found, &format!("{at}.{key}"))?;
            }
            match other.keys().find(|key| !map.contains_key(*key)) {
                None => Ok(()),
                Some(key) => Err(format!("{at}.{key}: not wanted: {}", other[key])),
            }
        }
        Value::Array(list) => {
            let Some(other) = got.as_array() else { return differ() };
            if list.len() != other.len() {
                return differ();
            }
            list.iter().zip(other).enumerate().try_for_each(|(n, (a, b))| matches(a, b, &format!("{at}[{n}]")))
        }
        _ if want == got => Ok(()),
        _ => differ(),
    }
}

/// The fields of `got` that `want` has too: for bodies to which the original adds what is of no interest.
pub fn only(want: &Value, got: &Value) -> Value {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) if !want.keys().any(|key| key.starts_with('{')) => {
            let kept = got.iter().filter_map(|(key, value)| Some((key.clone(), only(want.get(key)?, value))));
            Value::Object(kept.collect())
        }
        _ => got.clone(),
    }
}
