//! Arithmetic.

use sluice_gotemplate::{Functions, Param, Value, format_float};

use crate::convert::{ANY, INT, fail, int, ok, text, to_float, to_int64};

pub(crate) fn add(f: &mut Functions) {
    f.add("add", &[], Some(ANY), |_, a| Ok(Value::Int64(a.iter().fold(0, |sum, n| sum.wrapping_add(to_int64(n))))));
    f.add("add1", &[ANY], None, |_, a| Ok(Value::Int64(to_int64(&a[0]).wrapping_add(1))));
    f.add("sub", &[ANY, ANY], None, |_, a| Ok(Value::Int64(to_int64(&a[0]).wrapping_sub(to_int64(&a[1])))));
    f.add("mul", &[ANY], Some(ANY), |_, a| {
        Ok(Value::Int64(a[1..].iter().fold(to_int64(&a[0]), |product, n| product.wrapping_mul(to_int64(n)))))
    });
    f.add("div", &[ANY, ANY], None, |_, a| match to_int64(&a[1]) {
        0 => fail("runtime error: integer divide by zero"),
        by => Ok(Value::Int64(to_int64(&a[0]).wrapping_div(by))),
    });
    f.add("mod", &[ANY, ANY], None, |_, a| match to_int64(&a[1]) {
        0 => fail("runtime error: integer divide by zero"),
        by => Ok(Value::Int64(to_int64(&a[0]).wrapping_rem(by))),
    });
    for name in ["max", "biggest"] {
        f.add(name, &[ANY], Some(ANY), |_, a| Ok(Value::Int64(a.iter().map(to_int64).max().unwrap_or(0))));
    }
    f.add("min", &[ANY], Some(ANY), |_, a| Ok(Value::Int64(a.iter().map(to_int64).min().unwrap_or(0))));
    f.add("maxf", &[ANY], Some(ANY), |_, a| {
        ok(a[1..]
            .iter()
            .map(to_float)
            .fold(to_float(&a[0]), |m, n| if m.is_nan() || n.is_nan() { f64::NAN } else { m.max(n) }))
    });
    f.add("minf", &[ANY], Some(ANY), |_, a| {
        ok(a[1..]
            .iter()
            .map(to_float)
            .fold(to_float(&a[0]), |m, n| if m.is_nan() || n.is_nan() { f64::NAN } else { m.min(n) }))
    });
    f.add("floor", &[ANY], None, |_, a| ok(to_float(&a[0]).floor()));
    f.add("ceil", &[ANY], None, |_, a| ok(to_float(&a[0]).ceil()));
    f.add("round", &[ANY, INT], Some(Param::Float), |_, a| {
        let on = match a.get(2) {
            Some(Value::Float(on)) => *on,
            _ => 0.5,
        };
        let power = 10f64.powi(int(&a[1]).clamp(-400, 400) as i32);
        let scaled = power * to_float(&a[0]);
        let fraction = scaled - scaled.trunc();
        let rounded = if fraction >= on { scaled.ceil() } else { scaled.floor() };
        ok(rounded / power)
    });
    f.add("addf", &[], Some(ANY), |_, a| ok(decimal(a, 0.0, |x, y| x.checked_add(y), |x, y| x + y)));
    f.add("add1f", &[ANY], None, |_, a| {
        ok(decimal(&[a[0].clone(), Value::Float(1.0)], 0.0, |x, y| x.checked_add(y), |x, y| x + y))
    });
    f.add("subf", &[ANY], Some(ANY), |_, a| ok(decimal(a, 0.0, |x, y| x.checked_sub(y), |x, y| x - y)));
    f.add("mulf", &[ANY], Some(ANY), |_, a| ok(product(a)));
    f.add("divf", &[ANY], Some(ANY), |_, a| {
        if a[1..].iter().any(|by| to_float(by) == 0.0) {
            return fail("decimal division by 0");
        }
        ok(quotient(a))
    });
    f.add("int", &[ANY], None, |_, a| Ok(Value::Int(to_int64(&a[0]))));
    f.add("int64", &[ANY], None, |_, a| Ok(Value::Int64(to_int64(&a[0]))));
    f.add("float64", &[ANY], None, |_, a| ok(to_float(&a[0])));
    f.add("atoi", &[Param::String], None, |_, a| Ok(Value::Int(text(&a[0]).parse::<i64>().unwrap_or(0))));
    f.add("toDecimal", &[ANY], None, |_, a| {
        let shown = sluice_gotemplate::sprint(&a[..1]);
        Ok(Value::Int64(i64::from_str_radix(&shown, 8).unwrap_or(0)))
    });
    f.add("randInt", &[INT, INT], None, |_, a| {
        let (low, high) = (int(&a[0]), int(&a[1]));
        if high <= low {
            return fail("invalid argument to Intn");
        }
        let span = high.wrapping_sub(low) as u64;
        Ok(Value::Int(low.wrapping_add((crate::crypto::random_u64() % span) as i64)))
    });
}

/// The digits and the power of ten of a float, as the decimal library behind sprig reads it.
fn parts(number: f64) -> Option<(i128, u32)> {
    let shown = format_float(number, 'f', None);
    let (whole, fraction) = shown.split_once('.').unwrap_or((&shown, ""));
    if fraction.len() > 30 {
        return None;
    }
    format!("{whole}{fraction}").parse().ok().map(|digits| (digits, fraction.len() as u32))
}

fn back((digits, scale): (i128, u32)) -> f64 {
    let sign = if digits < 0 { "-" } else { "" };
    let text = format!("{sign}{}e-{scale}", digits.unsigned_abs());
    text.parse().unwrap_or(f64::NAN)
}

/// Sums without binary rounding, if the digits fit.
fn decimal(values: &[Value], start: f64, exact: fn(i128, i128) -> Option<i128>, rough: fn(f64, f64) -> f64) -> f64 {
    let mut numbers = values.iter().map(to_float);
    let mut value = numbers.next().unwrap_or(start);
    let mut precise = parts(value);
    for number in numbers {
        value = rough(value, number);
        precise = match (precise, parts(number)) {
            (Some((a, sa)), Some((b, sb))) => {
                let scale = sa.max(sb);
                let a = 10i128.checked_pow(scale - sa).and_then(|power| a.checked_mul(power));
                let b = 10i128.checked_pow(scale - sb).and_then(|power| b.checked_mul(power));
                a.zip(b).and_then(|(a, b)| exact(a, b)).map(|digits| (digits, scale))
            }
            _ => None,
        };
    }
    precise.map_or(value, back)
}

fn product(values: &[Value]) -> f64 {
    let mut value = 1.0;
    let mut precise = Some((1i128, 0));
    for number in values.iter().map(to_float) {
        value *= number;
        precise = match (precise, parts(number)) {
            (Some((a, sa)), Some((b, sb))) => a.checked_mul(b).map(|digits| (digits, sa + sb)),
            _ => None,
        };
    }
    precise.map_or(value, back)
}

/// The decimal library keeps this many digits behind the point of a quotient.
const QUOTIENT_DIGITS: u32 = 16;

fn quotient(values: &[Value]) -> f64 {
    let mut numbers = values.iter().map(to_float);
    let mut value = numbers.next().unwrap_or_default();
    let mut precise = parts(value);
    for number in numbers {
        value /= number;
        precise = match (precise, parts(number)) {
            (Some(over), Some(under)) => divided(over, under),
            _ => None,
        };
    }
    precise.map_or(value, back)
}

/// Rounded half away from zero. None if the digits do not fit.
fn divided((over, over_scale): (i128, u32), (under, under_scale): (i128, u32)) -> Option<(i128, u32)> {
    let over = over.checked_mul(10i128.checked_pow(QUOTIENT_DIGITS + under_scale)?)?;
    let under = under.checked_mul(10i128.checked_pow(over_scale)?)?;
    let (whole, rest) = (over.checked_div(under)?, over.checked_rem(under)?);
    let up = i128::from(rest.unsigned_abs() >= under.unsigned_abs().div_ceil(2));
    Some((whole + up * over.signum() * under.signum(), QUOTIENT_DIGITS))
}
