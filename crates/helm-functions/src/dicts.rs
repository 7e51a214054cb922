//! Maps.

use sluice_gotemplate::{Error, Functions, Map, MapKind, Value};

use crate::convert::{ANY, MAP, Outcome, STR, as_map, fail, ok, strval_text, text};

pub(crate) fn add(f: &mut Functions) {
    f.add("dict", &[], Some(ANY), |_, a| {
        let pairs = a.chunks(2).map(|pair| (strval_text(&pair[0]), pair.get(1).cloned().unwrap_or_else(|| "".into())));
        Ok(Value::map(pairs))
    });
    f.add("get", &[MAP, STR], None, |_, a| {
        Ok(as_map(&a[0]).and_then(|map| map.get(&text(&a[1]))).unwrap_or_else(|| "".into()))
    });
    f.add("set", &[MAP, STR, ANY], None, |_, a| {
        if let Some(map) = as_map(&a[0]) {
            map.write().insert(text(&a[1]).into_owned(), a[2].clone());
        }
        Ok(plain(&a[0]))
    });
    f.add("unset", &[MAP, STR], None, |_, a| {
        if let Some(map) = as_map(&a[0]) {
            map.write().remove(&*text(&a[1]));
        }
        Ok(plain(&a[0]))
    });
    f.add("hasKey", &[MAP, STR], None, |_, a| {
        ok(as_map(&a[0]).is_some_and(|map| map.read().contains_key(&*text(&a[1]))))
    });
    f.add("pluck", &[STR], Some(MAP), |_, a| {
        let key = text(&a[0]);
        Ok(Value::list(a[1..].iter().filter_map(as_map).filter_map(|map| map.get(&key))))
    });
    f.add("keys", &[], Some(MAP), |_, a| {
        let keys = a.iter().filter_map(as_map).flat_map(|map| map.snapshot().into_iter().map(|(key, _)| key));
        Ok(Value::strings(keys.collect::<Vec<_>>()))
    });
    f.add("values", &[MAP], None, |_, a| {
        Ok(Value::list(as_map(&a[0]).map(Map::snapshot).unwrap_or_default().into_iter().map(|(_, value)| value)))
    });
    f.add("pick", &[MAP], Some(STR), |_, a| {
        let entries = as_map(&a[0]).map(Map::snapshot).unwrap_or_default();
        Ok(Value::map(entries.into_iter().filter(|(key, _)| a[1..].iter().any(|k| text(k) == *key))))
    });
    f.add("omit", &[MAP], Some(STR), |_, a| {
        let entries = as_map(&a[0]).map(Map::snapshot).unwrap_or_default();
        Ok(Value::map(entries.into_iter().filter(|(key, _)| !a[1..].iter().any(|k| text(k) == *key))))
    });
    for (name, overwrite) in
        [("merge", false), ("mustMerge", false), ("mergeOverwrite", true), ("mustMergeOverwrite", true)]
    {
        f.add(name, &[MAP], Some(MAP), move |call, a| {
            for source in &a[1..] {
                if let (Some(into), Some(from)) = (as_map(&a[0]), as_map(source)) {
                    merge(call, into, from, overwrite, 0)?;
                }
            }
            Ok(plain(&a[0]))
        });
    }
    f.add("dig", &[], Some(ANY), |_, a| dig(a));
    for name in ["deepCopy", "mustDeepCopy"] {
        f.add(name, &[ANY], None, |call, a| match &a[0] {
            Value::Nil => fail("reflect: call of reflect.Value.Type on zero Value"),
            value => copy(call, value, 0),
        });
    }
}

/// What a parameter of type `map[string]interface {}` makes of a named map type.
fn plain(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(map.with_kind(MapKind::Any)),
        other => other.clone(),
    }
}

/// Entries of `from` into `into`, as mergo: what is there stays unless it is empty, or `overwrite`.
fn merge(
    call: &mut sluice_gotemplate::Call<'_, '_>,
    into: &Map,
    from: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), Error> {
    if depth > 500 {
        return fail("maps nested more than 500 deep (limit: merge depth)");
    }
    if into.same(from) {
        return Ok(());
    }
    for (key, theirs) in from.snapshot() {
        call.spend(1)?;
        let ours = into.get(&key);
        match (&ours, &theirs) {
            (Some(Value::Map(ours)), Value::Map(theirs)) if !ours.read().is_empty() || overwrite => {
                merge(call, ours, theirs, overwrite, depth + 1)?;
            }
            _ => {
                let empty = ours.as_ref().is_none_or(|ours| !ours.truth());
                if (empty && (ours.is_none() || theirs.truth())) || overwrite {
                    into.write().insert(key, theirs);
                }
            }
        }
    }
    Ok(())
}

fn dig(a: &[Value]) -> Outcome {
    if a.len() < 3 {
        return fail("dig needs at least three arguments");
    }
    let (default, dict) = (&a[a.len() - 2], &a[a.len() - 1]);
    let mut current = dict.clone();
    for key in &a[..a.len() - 2] {
        let map = match &current {
            Value::Map(map) if map.kind == MapKind::Any => map.clone(),
            other => {
                let found = if other.is_nil() { "nil" } else { other.type_name() };
                return fail(format!("interface conversion: interface {{}} is {found}, not map[string]interface {{}}"));
            }
        };
        if key.text().is_none() {
            let found = if key.is_nil() { "nil" } else { key.type_name() };
            return fail(format!("interface conversion: interface {{}} is {found}, not string"));
        }
        match map.get(&text(key)) {
            Some(next) => current = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(current)
}

fn copy(call: &mut sluice_gotemplate::Call<'_, '_>, value: &Value, depth: usize) -> Outcome {
    call.spend(1)?;
    if depth > 500 {
        return fail("values nested more than 500 deep (limit: copy depth)");
    }
    Ok(match value {
        Value::Map(map) => {
            let mut entries = std::collections::BTreeMap::new();
            for (key, item) in map.snapshot() {
                entries.insert(key, copy(call, &item, depth + 1)?);
            }
            Value::Map(Map::new(map.kind, entries))
        }
        Value::List(list) => {
            let items: Result<Vec<_>, _> = list.items.iter().map(|item| copy(call, item, depth + 1)).collect();
            if list.is_nil() {
                return Ok(value.clone());
            }
            Value::List(sluice_gotemplate::List::new(list.elem, items?))
        }
        other => other.clone(),
    })
}
