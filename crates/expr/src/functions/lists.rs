//! Methods of lists, and sets.

use crate::error::EvalError;
use crate::eval::{Eval, Evaluated};
use crate::functions::arithmetic;
use crate::value::{Val, compare};

pub(super) fn method<'a>(eval: &mut Eval<'a>, name: &str, args: &[Val<'a>]) -> Evaluated<'a> {
    let Some((list, rest)) = args.split_first() else { return Err(EvalError::no_overload()) };
    let len = list.len().unwrap_or(0);
    eval.spend(len)?;
    match (name, rest) {
        ("join", []) => join(eval, list, ""),
        ("join", [by]) => join(eval, list, by.text().ok_or_else(EvalError::no_overload)?),
        ("first", []) => Ok(Val::Optional(list.item(0).map(Into::into))),
        ("last", []) => Ok(Val::Optional(list.items().last().map(Into::into))),
        ("isSorted", []) => {
            for i in 1..len {
                let (Some(a), Some(b)) = (list.item(i - 1), list.item(i)) else { break };
                if compare(&a, &b).ok_or_else(EvalError::no_overload)?.is_gt() {
                    return Ok(Val::Bool(false));
                }
            }
            Ok(Val::Bool(true))
        }
        ("sum", []) => {
            // The sum of nothing is an integer: an empty list has no type to say otherwise.
            let mut items = list.items();
            let Some(mut sum) = items.next() else { return Ok(Val::Int(0)) };
            for item in items {
                sum = arithmetic(eval, "+", sum, item)?;
            }
            match sum {
                Val::Int(_) | Val::Uint(_) | Val::Double(_) | Val::Duration(_) => Ok(sum),
                _ => Err(EvalError::no_overload()),
            }
        }
        ("min" | "max", []) => {
            let mut items = list.items();
            let Some(mut best) = items.next() else {
                return Err(EvalError::Invalid(format!("{name} called on empty list")));
            };
            for item in items {
                let order = compare(&item, &best).ok_or_else(EvalError::no_overload)?;
                if if name == "min" { order.is_lt() } else { order.is_gt() } {
                    best = item;
                }
            }
            Ok(best)
        }
        ("indexOf" | "lastIndexOf", [value]) => {
            let mut found = -1;
            for (i, item) in list.items().enumerate() {
                if eval.equal(&item, value)? {
                    found = i as i64;
                    if name == "indexOf" {
                        break;
                    }
                }
            }
            Ok(Val::Int(found))
        }
        _ => Err(EvalError::no_overload()),
    }
}

fn join<'a>(eval: &mut Eval<'a>, list: &Val<'a>, by: &str) -> Evaluated<'a> {
    let mut out = String::new();
    for (i, item) in list.items().enumerate() {
        let text = item.text().ok_or_else(EvalError::no_overload)?;
        eval.allocate(text.len() + by.len())?;
        if i > 0 {
            out.push_str(by);
        }
        out.push_str(text);
    }
    Ok(Val::string(out))
}

pub(super) fn sets<'a>(eval: &mut Eval<'a>, name: &str, a: &Val<'a>, b: &Val<'a>) -> Evaluated<'a> {
    if !a.is_list() || !b.is_list() {
        return Err(EvalError::no_overload());
    }
    Ok(Val::Bool(match name {
        "sets.contains" => contains_all(eval, a, b)?,
        "sets.equivalent" => contains_all(eval, a, b)? && contains_all(eval, b, a)?,
        _ => {
            for item in b.items() {
                if eval.contains(a, &item)? {
                    return Ok(Val::Bool(true));
                }
            }
            false
        }
    }))
}

fn contains_all<'a>(eval: &mut Eval<'a>, all: &Val<'a>, some: &Val<'a>) -> Result<bool, EvalError> {
    for item in some.items() {
        if !eval.contains(all, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}
