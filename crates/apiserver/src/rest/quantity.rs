//! Quantities: parsed exactly, printed in Kubernetes' canonical form.

/// What Go says about a string that is no quantity.
pub const WRONG: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// How a quantity was written, which its canonical form keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

/// An amount in nano-units, and how it is printed. Amounts beyond 2^126 nano-units are capped, as Go caps at 2^63.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

const NANO: i128 = 1_000_000_000;
const CAP: i128 = (i64::MAX as i128) * NANO;

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nano: 0, format: Format::Decimal };
    /// One of something.
    pub const ONE: Self = Self { nano: NANO, format: Format::Decimal };

    /// So many of something.
    pub fn whole(number: u64) -> Self {
        Self { nano: (i128::from(number) * NANO).min(CAP), format: Format::Decimal }
    }

    /// Both together, in the form of the first that is not zero.
    pub fn plus(self, other: Self) -> Self {
        let format = if self.nano == 0 { other.format } else { self.format };
        Self { nano: (self.nano + other.nano).min(CAP), format }
    }

    /// What remains without the other.
    pub fn minus(self, other: Self) -> Self {
        Self { nano: self.nano - other.nano, format: self.format }
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// As a number of units, about.
    pub fn units(self) -> f64 {
        self.nano as f64 / NANO as f64
    }

    /// Parses `100m`, `1.5Gi`, `1e3`.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, rest) = match text.as_bytes().first()? {
            b'-' => (-1, &text[1..]),
            b'+' => (1, &text[1..]),
            _ => (1, text),
        };
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(split);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let (format, base_two, exponent) = suffix_of(suffix)?;
        // digits × 10^-places × 10^exponent (or × 2^base_two), in nano-units, rounded away from zero.
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.len() > 36 {
            return Some(Self { nano: sign * CAP, format });
        }
        let value: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        let scale = exponent + 9 - i32::try_from(fraction.len()).ok()?;
        let nano = scaled(value, base_two, scale)?.min(CAP);
        Some(Self { nano: sign * nano, format })
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// Whether it is more than `other`.
    pub fn is_above(self, other: Self) -> bool {
        self.nano > other.nano
    }

    /// The canonical form.
    pub fn print(self) -> String {
        if self.nano == 0 {
            return "0".into();
        }
        let (sign, nano) = if self.nano < 0 { ("-", -self.nano) } else { ("", self.nano) };
        let binary = self.format == Format::Binary && nano % NANO == 0 && nano / NANO >= 1024;
        if binary {
            let mut value = nano / NANO;
            let mut unit = 0;
            while value % 1024 == 0 && unit < 6 {
                value /= 1024;
                unit += 1;
            }
            return format!("{sign}{value}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][unit]);
        }
        let mut value = nano;
        let mut exponent = -9;
        while value % 1000 == 0 && exponent < 18 {
            value /= 1000;
            exponent += 3;
        }
        if self.format == Format::Exponent {
            return if exponent == 0 { format!("{sign}{value}") } else { format!("{sign}{value}e{exponent}") };
        }
        let suffix = match exponent {
            -9 => "n",
            -6 => "u",
            -3 => "m",
            0 => "",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            _ => "E",
        };
        format!("{sign}{value}{suffix}")
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nano.cmp(&other.nano)
    }
}

fn suffix_of(suffix: &str) -> Option<(Format, u32, i32)> {
    Some(match suffix {
        "" => (Format::Decimal, 0, 0),
        "n" => (Format::Decimal, 0, -9),
        "u" => (Format::Decimal, 0, -6),
        "m" => (Format::Decimal, 0, -3),
        "k" => (Format::Decimal, 0, 3),
        "M" => (Format::Decimal, 0, 6),
        "G" => (Format::Decimal, 0, 9),
        "T" => (Format::Decimal, 0, 12),
        "P" => (Format::Decimal, 0, 15),
        "E" => (Format::Decimal, 0, 18),
        "Ki" => (Format::Binary, 10, 0),
        "Mi" => (Format::Binary, 20, 0),
        "Gi" => (Format::Binary, 30, 0),
        "Ti" => (Format::Binary, 40, 0),
        "Pi" => (Format::Binary, 50, 0),
        "Ei" => (Format::Binary, 60, 0),
        other => {
            let digits = other.strip_prefix(['e', 'E'])?;
            if digits.is_empty() {
                return None;
            }
            (Format::Exponent, 0, digits.parse::<i32>().ok().filter(|e| e.abs() < 1000)?)
        }
    })
}

fn scaled(value: i128, base_two: u32, scale: i32) -> Option<i128> {
    let mut value = value;
    let shift = |value: i128| value.checked_mul(1i128 << base_two).unwrap_or(CAP);
    if scale >= 0 {
        for _ in 0..scale {
            value = value.checked_mul(10).unwrap_or(CAP).min(CAP);
        }
        return Some(shift(value));
    }
    value = shift(value);
    let mut rounded = false;
    for _ in 0..scale.unsigned_abs() {
        rounded |= value % 10 != 0;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    Some(value + i128::from(rounded))
}

/// The canonical form of a quantity; `None` when it is none.
pub fn canonical(text: &str) -> Option<String> {
    Quantity::parse(text).map(Quantity::print)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        assert_eq!(canonical(text).as_deref(), want, "{text}");
    }

    #[test]
    fn quantities_have_one_canonical_form() {
        check("1.5Gi", Some("1536Mi"));
        check("1024Mi", Some("1Gi"));
        check("0.5", Some("500m"));
        check("1e9", Some("1e9"));
        check("1000m", Some("1"));
        check("2", Some("2"));
        check("1000", Some("1k"));
        check("1000Ki", Some("1000Ki"));
        check("0.5Gi", Some("512Mi"));
        check("-1.25", Some("-1250m"));
        check("0", Some("0"));
        check("0Gi", Some("0"));
        check("x", None);
        check("1.2.3", None);
        check("", None);
        check("1z", None);
    }
}
