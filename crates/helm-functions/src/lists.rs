//! Lists.

use sluice_gotemplate::{Elem, Functions, List, Param, Value};

use crate::convert::{ANY, INT, Outcome, deep_equal, fail, int, ints, items, ok, to_int64};

fn wrong<T>(what: &str, value: &Value) -> Result<T, sluice_gotemplate::Error> {
    fail(format!("Cannot {what} on type {}", value.kind_name()))
}

/// Adds a function under its name and under its `must` name.
fn both<F>(f: &mut Functions, names: [&'static str; 2], fixed: &'static [Param], rest: Option<Param>, body: F)
where
    F: Fn(&[Value]) -> Outcome + Send + Sync + Clone + 'static,
{
    for name in names {
        let body = body.clone();
        f.add(name, fixed, rest, move |_, a| body(a));
    }
}

fn nil_type<T>() -> Result<T, sluice_gotemplate::Error> {
    fail("runtime error: invalid memory address or nil pointer dereference")
}

fn list_of<T>(
    what: &str,
    value: &Value,
    then: impl FnOnce(Vec<Value>) -> Result<T, sluice_gotemplate::Error>,
) -> Result<T, sluice_gotemplate::Error> {
    if value.is_nil() {
        return nil_type();
    }
    match items(value) {
        Some(items) => then(items),
        None => wrong(what, value),
    }
}

pub(crate) fn add(f: &mut Functions) {
    f.add("list", &[], Some(ANY), |_, a| Ok(Value::list(a.to_vec())));
    f.add("tuple", &[], Some(ANY), |_, a| Ok(Value::list(a.to_vec())));
    both(f, ["first", "mustFirst"], &[ANY], None, |a| {
        list_of("find first", &a[0], |items| Ok(items.first().cloned().unwrap_or_default()))
    });
    both(f, ["last", "mustLast"], &[ANY], None, |a| {
        list_of("find last", &a[0], |items| Ok(items.last().cloned().unwrap_or_default()))
    });
    both(f, ["rest", "mustRest"], &[ANY], None, |a| {
        list_of("find rest", &a[0], |items| {
            Ok(if items.is_empty() { Value::nil_list(Elem::Any) } else { Value::list(items.into_iter().skip(1)) })
        })
    });
    both(f, ["initial", "mustInitial"], &[ANY], None, |a| {
        list_of("find initial", &a[0], |mut items| {
            Ok(match items.pop() {
                None => Value::nil_list(Elem::Any),
                Some(_) => Value::list(items),
            })
        })
    });
    let push = |a: &[Value]| {
        list_of("push", &a[0], |mut items| {
            items.push(a[1].clone());
            Ok(Value::list(items))
        })
    };
    both(f, ["append", "mustAppend"], &[ANY, ANY], None, push);
    both(f, ["push", "mustPush"], &[ANY, ANY], None, push);
    both(f, ["prepend", "mustPrepend"], &[ANY, ANY], None, |a| {
        list_of("prepend", &a[0], |mut items| {
            items.insert(0, a[1].clone());
            Ok(Value::list(items))
        })
    });
    f.add("concat", &[], Some(ANY), |call, a| {
        let mut all = Vec::new();
        for arg in a {
            all.extend(list_of("concat", arg, Ok).map_err(|error| {
                match error.to_string().strip_prefix("Cannot concat on") {
                    Some(rest) => sluice_gotemplate::Error::new(format!(
                        "Cannot concat type {} as list",
                        rest.trim_start_matches(" type ")
                    )),
                    None => error,
                }
            })?);
            call.check_size(all.len().saturating_mul(16))?;
        }
        Ok(if all.is_empty() { Value::nil_list(Elem::Any) } else { Value::list(all) })
    });
    both(f, ["reverse", "mustReverse"], &[ANY], None, |a| {
        list_of("find reverse", &a[0], |mut items| {
            items.reverse();
            Ok(Value::list(items))
        })
    });
    both(f, ["uniq", "mustUniq"], &[ANY], None, |a| {
        list_of("find uniq", &a[0], |items| {
            let mut kept: Vec<Value> = Vec::new();
            for item in items {
                if !kept.iter().any(|known| deep_equal(known, &item)) {
                    kept.push(item);
                }
            }
            Ok(Value::list(kept))
        })
    });
    both(f, ["compact", "mustCompact"], &[ANY], None, |a| {
        list_of("compact", &a[0], |items| Ok(Value::list(items.into_iter().filter(Value::truth))))
    });
    both(f, ["without", "mustWithout"], &[ANY], Some(ANY), |a| {
        list_of("find without", &a[0], |items| {
            Ok(Value::list(items.into_iter().filter(|item| !a[1..].iter().any(|omit| deep_equal(omit, item)))))
        })
    });
    both(f, ["has", "mustHas"], &[ANY, ANY], None, |a| {
        if a[1].is_nil() {
            return ok(false);
        }
        list_of("find has", &a[1], |items| ok(items.iter().any(|item| deep_equal(item, &a[0]))))
    });
    both(f, ["slice", "mustSlice"], &[ANY], Some(ANY), |a| {
        if !a[0].is_nil() && items(&a[0]).is_none() {
            return fail(format!("list should be type of slice or array but {}", a[0].kind_name()));
        }
        list_of("find slice", &a[0], |items| {
            let length = items.len() as i64;
            if length == 0 {
                return Ok(Value::Nil);
            }
            let from = a.get(1).map_or(0, to_int64);
            let to = a.get(2).map_or(length, to_int64);
            if from < 0 || to > length || from > to {
                return fail("reflect.Value.Slice: slice index out of bounds");
            }
            let elem = match &a[0] {
                Value::List(list) => list.elem,
                _ => Elem::Any,
            };
            Ok(Value::List(List::new(elem, items[from as usize..to as usize].to_vec())))
        })
    });
    both(f, ["chunk", "mustChunk"], &[INT, ANY], None, |a| {
        let size = int(&a[0]);
        if !a[1].is_nil() && items(&a[1]).is_none() {
            return fail(format!("Cannot chunk type {}", a[1].kind_name()));
        }
        list_of("chunk", &a[1], |items| {
            if size <= 0 {
                return fail("runtime error: makeslice: len out of range");
            }
            let chunks = items.chunks(size as usize).map(|chunk| Value::list(chunk.to_vec()));
            Ok(Value::List(List::new(Elem::List, chunks.collect())))
        })
    });
    f.add("until", &[INT], None, |call, a| {
        let count = int(&a[0]);
        call.check_size(count.unsigned_abs() as usize * 8)?;
        Ok(ints(if count >= 0 { (0..count).collect() } else { (count + 1..=0).rev().collect() }))
    });
    f.add("untilStep", &[INT, INT, INT], None, |call, a| {
        let (start, stop, step) = (int(&a[0]), int(&a[1]), int(&a[2]));
        Ok(ints(steps(call, start, stop, step)?))
    });
    f.add("seq", &[], Some(INT), |call, a| {
        let numbers: Vec<i64> = a.iter().map(int).collect();
        let (start, end, step) = match numbers.as_slice() {
            [end] => (1, *end, if *end < 1 { -1 } else { 1 }),
            [start, end] => (*start, *end, if end < start { -1 } else { 1 }),
            [start, step, end] => {
                if end < start && *step > 0 {
                    return ok("");
                }
                (*start, *end, *step)
            }
            _ => return ok(""),
        };
        let stop = if step < 0 { end.saturating_sub(1) } else { end.saturating_add(1) };
        let numbers: Vec<_> = steps(call, start, stop, step)?.iter().map(ToString::to_string).collect();
        ok(numbers.join(" "))
    });
    f.add("all", &[], Some(ANY), |_, a| ok(a.iter().all(Value::truth)));
    f.add("any", &[], Some(ANY), |_, a| ok(a.iter().any(Value::truth)));
    f.add("coalesce", &[], Some(ANY), |_, a| Ok(a.iter().find(|v| v.truth()).cloned().unwrap_or_default()));
    f.add("empty", &[ANY], None, |_, a| ok(!a[0].truth()));
    f.add("default", &[ANY], Some(ANY), |_, a| {
        Ok(match a.get(1) {
            Some(given) if given.truth() => given.clone(),
            _ => a[0].clone(),
        })
    });
    f.add("ternary", &[ANY, ANY, Param::Bool], None, |_, a| Ok(if a[2].truth() { a[0].clone() } else { a[1].clone() }));
}

fn steps(
    call: &mut sluice_gotemplate::Call<'_, '_>,
    start: i64,
    stop: i64,
    step: i64,
) -> Result<Vec<i64>, sluice_gotemplate::Error> {
    if step == 0 || (stop < start) != (step < 0) {
        return Ok(Vec::new());
    }
    let count = (i128::from(stop) - i128::from(start)) / i128::from(step) + 1;
    call.check_size(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(8))?;
    let mut out = Vec::new();
    let mut at = start;
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        out.push(at);
        match at.checked_add(step) {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(out)
}
