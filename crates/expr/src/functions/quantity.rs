//! Kubernetes quantities: `1500m`, `2Gi`, `3e2`.

use crate::error::EvalError;
use crate::eval::Evaluated;
use crate::value::Val;

/// An amount in billionths, the finest unit there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity(i128);

const ONE: i128 = 1_000_000_000;

impl Quantity {
    /// Reads one; what is finer than a billionth is rounded up, as Kubernetes does.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let number = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (whole, fraction) = rest[..number].split_once('.').unwrap_or((&rest[..number], ""));
        if (whole.is_empty() && fraction.is_empty())
            || fraction.contains('.')
            || whole.len() > 28
            || fraction.len() > 28
        {
            return None;
        }
        let (multiply, divide) = unit(&rest[number..])?;
        let mut scaled: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        scaled = scaled.checked_mul(ONE)?.checked_mul(multiply)?;
        let mut up = scaled % divide != 0;
        scaled /= divide;
        // 10^-i of the unit, digit by digit.
        let mut place = ONE.checked_mul(multiply)?;
        let mut below = divide;
        for digit in fraction.bytes() {
            below = below.checked_mul(10)?;
            let part = place.checked_mul(i128::from(digit - b'0'))?;
            if below > place.checked_mul(10)? {
                up |= part != 0;
                continue;
            }
            up |= part % below != 0;
            scaled = scaled.checked_add(part / below)?;
        }
        place = i128::from(up);
        let amount = scaled.checked_add(place)?;
        Some(Self(if negative { -amount } else { amount }))
    }

    pub(crate) fn to_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }
}

/// What a suffix multiplies and divides by.
fn unit(suffix: &str) -> Option<(i128, i128)> {
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, ONE),
        "u" => (1, 1_000_000),
        "m" => (1, 1000),
        "k" => (1000, 1),
        "M" => (1_000_000, 1),
        "G" => (ONE, 1),
        "T" => (ONE * 1000, 1),
        "P" => (ONE * 1_000_000, 1),
        "E" => (ONE * ONE, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 { (1, power) } else { (power, 1) }
        }
    })
}

pub(super) fn parse<'a>(name: &str, value: &Val<'_>) -> Evaluated<'a> {
    let text = value.text().ok_or_else(EvalError::no_overload)?;
    let parsed = Quantity::parse(text);
    if name == "isQuantity" {
        return Ok(Val::Bool(parsed.is_some()));
    }
    let message = || "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    parsed.map(Val::Quantity).ok_or_else(|| EvalError::Invalid(message().to_owned()))
}

pub(super) fn method<'a>(name: &str, of: Quantity, rest: &[Val<'a>]) -> Evaluated<'a> {
    let whole = of.0 % ONE == 0 && i64::try_from(of.0 / ONE).is_ok();
    let overflow = || EvalError::Overflow("quantity");
    let other = match rest {
        [] => None,
        [Val::Quantity(other)] => Some(*other),
        [Val::Int(n)] if matches!(name, "add" | "sub") => Some(Quantity(i128::from(*n) * ONE)),
        _ => return Err(EvalError::no_overload()),
    };
    Ok(match (name, other) {
        ("sign", None) => Val::Int(i64::try_from(of.0.signum()).unwrap_or(0)),
        ("isInteger", None) => Val::Bool(whole),
        ("asInteger", None) if whole => Val::Int(i64::try_from(of.0 / ONE).map_err(|_| overflow())?),
        ("asInteger", None) => return Err(EvalError::Invalid("cannot convert value to integer".to_owned())),
        ("asApproximateFloat", None) => Val::Double(of.to_f64()),
        ("add", Some(other)) => Val::Quantity(Quantity(of.0.checked_add(other.0).ok_or_else(overflow)?)),
        ("sub", Some(other)) => Val::Quantity(Quantity(of.0.checked_sub(other.0).ok_or_else(overflow)?)),
        ("isLessThan", Some(other)) => Val::Bool(of < other),
        ("isGreaterThan", Some(other)) => Val::Bool(of > other),
        ("compareTo", Some(other)) => Val::Int(of.cmp(&other) as i64),
        _ => return Err(EvalError::no_overload()),
    })
}
