//! Label selectors: `app=web,tier in (a, b),!old`, and the objects `matchLabels` and `matchExpressions`.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::SelectorError;

/// Terms that must all hold. The empty selector takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// The terms, in the order written.
    pub requirements: Vec<Requirement>,
}

/// One term of a label selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with: one value or more for [`Operator::In`] and [`Operator::NotIn`], one number for
    /// [`Operator::GreaterThan`] and [`Operator::LessThan`], none otherwise.
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// It is there and has one of the values (`=`, `==`, `in`).
    In,
    /// It is absent or has none of the values (`!=`, `notin`).
    NotIn,
    /// It is there.
    Exists,
    /// It is absent (`!`).
    DoesNotExist,
    /// It is there and a bigger number (`>`).
    GreaterThan,
    /// It is there and a smaller number (`<`).
    LessThan,
}

impl LabelSelector {
    /// Reads a selector in kubectl's grammar.
    ///
    /// # Errors
    /// Names the first thing that is wrong, as kube-apiserver words it: a token that was not expected, a key or value
    /// that no label can have.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut parser = Parser { rest: text };
        parser.selector().map_err(|why| SelectorError::new(text, why))
    }

    /// Reads a `LabelSelector` object (`matchLabels`, `matchExpressions`). An empty one takes everything; what an absent
    /// one means differs from field to field, so that is the caller's.
    ///
    /// # Errors
    /// When it has the wrong types, an unknown operator, values where none belong or none where some do.
    pub fn from_object(object: &Value) -> Result<Self, SelectorError> {
        read_object(object).map_err(|why| SelectorError::new(&object.to_string(), why))
    }

    /// Whether labels fulfil all terms.
    #[must_use]
    pub fn matches(&self, labels: Option<&Map<String, Value>>) -> bool {
        self.matches_with(|key| labels?.get(key)?.as_str())
    }

    /// As [`LabelSelector::matches`], with labels from elsewhere.
    #[must_use]
    pub fn matches_with<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|one| one.matches(label(&one.key)))
    }

    /// Whether everything is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl Requirement {
    fn matches(&self, label: Option<&str>) -> bool {
        let among = |label: &str| self.values.iter().any(|value| value == label);
        match self.operator {
            Operator::In => label.is_some_and(among),
            Operator::NotIn => !label.is_some_and(among),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compare(label).is_some_and(|(label, value)| label > value),
            Operator::LessThan => self.compare(label).is_some_and(|(label, value)| label < value),
        }
    }

    fn compare(&self, label: Option<&str>) -> Option<(i64, i64)> {
        Some((label?.parse().ok()?, self.values.first()?.parse().ok()?))
    }

    /// What no server would take.
    fn check(self) -> Result<Self, String> {
        check_key(&self.key)?;
        let number = matches!(self.operator, Operator::GreaterThan | Operator::LessThan);
        for value in &self.values {
            if number && value.parse::<i64>().is_err() {
                return Err(format!("`{value}` is no whole number, as `>` and `<` need"));
            }
            check_value(value)?;
        }
        Ok(self)
    }
}

/// A qualified name: `[prefix/]name`, the prefix a DNS subdomain.
fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix {
        let dns = |part: &str| {
            let bytes = part.as_bytes();
            let inner = bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
            inner && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
        };
        if prefix.len() > 253 || !prefix.split('.').all(dns) {
            return Err(format!("key `{key}`: `{prefix}` is no DNS subdomain (lower case, at most 253 characters)"));
        }
    }
    if name.is_empty() {
        return Err(format!("key `{key}` has no name"));
    }
    check_name(name).map_err(|why| format!("key `{key}`: `{name}` {why}"))
}

fn check_value(value: &str) -> Result<(), String> {
    if value.is_empty() { Ok(()) } else { check_name(value).map_err(|why| format!("value `{value}` {why}")) }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    if bytes.len() > 63 {
        return Err("is longer than 63 characters");
    }
    if !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) {
        return Err("may only have letters, digits, `-`, `_` and `.`");
    }
    if edge(bytes.first()) && edge(bytes.last()) { Ok(()) } else { Err("must begin and end with a letter or digit") }
}

fn read_object(object: &Value) -> Result<LabelSelector, String> {
    let fields = match object {
        Value::Null => return Ok(LabelSelector::default()),
        Value::Object(fields) => fields,
        _ => return Err("is not a map".to_owned()),
    };
    let mut requirements = Vec::new();
    match fields.get("matchLabels") {
        None | Some(Value::Null) => {}
        Some(Value::Object(labels)) => {
            for (key, value) in labels {
                let value = value.as_str().ok_or_else(|| format!("matchLabels: `{key}` is no string"))?;
                let values = vec![value.to_owned()];
                requirements.push(Requirement { key: key.clone(), operator: Operator::In, values }.check()?);
            }
        }
        Some(_) => return Err("matchLabels is not a map".to_owned()),
    }
    match fields.get("matchExpressions") {
        None | Some(Value::Null) => {}
        Some(Value::Array(expressions)) => {
            for expression in expressions {
                requirements.push(read_expression(expression)?);
            }
        }
        Some(_) => return Err("matchExpressions is not a list".to_owned()),
    }
    Ok(LabelSelector { requirements })
}

fn read_expression(expression: &Value) -> Result<Requirement, String> {
    let text = |name: &str| expression.get(name).and_then(Value::as_str).unwrap_or("");
    let (key, operator) = (text("key"), text("operator"));
    let values = match expression.get("values") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| format!("matchExpressions: values of `{key}` are not all strings"))?,
        Some(_) => return Err(format!("matchExpressions: values of `{key}` are not a list")),
    };
    let operator = match operator {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => return Err(format!("\"{other}\" is not a valid label selector operator")),
    };
    let needs_values = matches!(operator, Operator::In | Operator::NotIn);
    if needs_values && values.is_empty() {
        return Err(format!("matchExpressions: `{key}` needs values for its operator"));
    }
    if !needs_values && !values.is_empty() {
        return Err(format!("matchExpressions: `{key}` has values, which its operator cannot have"));
    }
    Requirement { key: key.to_owned(), operator, values }.check()
}

impl FromStr for LabelSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

/// As kubectl writes it: `a=1,b in (x,y),!c`.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.requirements.iter().enumerate() {
            let (comma, key, values) = (if at > 0 { "," } else { "" }, &one.key, one.values.join(","));
            match one.operator {
                Operator::In if one.values.len() == 1 => write!(f, "{comma}{key}={values}"),
                Operator::In => write!(f, "{comma}{key} in ({values})"),
                Operator::NotIn if one.values.len() == 1 => write!(f, "{comma}{key}!={values}"),
                Operator::NotIn => write!(f, "{comma}{key} notin ({values})"),
                Operator::Exists => write!(f, "{comma}{key}"),
                Operator::DoesNotExist => write!(f, "{comma}!{key}"),
                Operator::GreaterThan => write!(f, "{comma}{key}>{values}"),
                Operator::LessThan => write!(f, "{comma}{key}<{values}"),
            }?;
        }
        Ok(())
    }
}

/// Reads tokens from the front: words, and the signs `( ) , ! = == != > <`.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a str {
        let rest = self.rest.trim_start();
        if let Some(sign) = ["==", "!="].into_iter().find(|sign| rest.starts_with(sign)) {
            return &rest[..sign.len()];
        }
        let is_sign = |c: char| "(),!=<>".contains(c);
        match rest.find(|c: char| is_sign(c) || c.is_whitespace()) {
            Some(0) => &rest[..1],
            Some(end) => &rest[..end],
            None => rest,
        }
    }

    fn next(&mut self) -> &'a str {
        let token = self.peek();
        let rest = self.rest.trim_start();
        self.rest = &rest[token.len()..];
        token
    }

    fn selector(&mut self) -> Result<LabelSelector, String> {
        let mut requirements = Vec::new();
        match self.peek() {
            "" => return Ok(LabelSelector::default()),
            sign if is_sign(sign) && sign != "!" => {
                return Err(format!("found '{sign}', expected: !, identifier, or 'end of string'"));
            }
            _ => {}
        }
        loop {
            let requirement = self.requirement().and_then(Requirement::check);
            requirements.push(requirement.map_err(|why| format!("unable to parse requirement: {why}"))?);
            match self.next() {
                "" => return Ok(LabelSelector { requirements }),
                "," => {}
                other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
            }
            let next = self.peek();
            if next.is_empty() || (is_sign(next) && next != "!") {
                return Err(format!("found '{next}', expected: identifier after ','"));
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        if self.peek() == "!" {
            self.next();
            let key = self.identifier()?;
            return Ok(Requirement { key, operator: Operator::DoesNotExist, values: Vec::new() });
        }
        let key = self.identifier()?;
        let operator = match self.peek() {
            "" | "," => return Ok(Requirement { key, operator: Operator::Exists, values: Vec::new() }),
            "=" | "==" | "in" => Operator::In,
            "!=" | "notin" => Operator::NotIn,
            ">" => Operator::GreaterThan,
            "<" => Operator::LessThan,
            other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        let values = if matches!(self.next(), "in" | "notin") { self.list()? } else { vec![self.value()?] };
        Ok(Requirement { key, operator, values })
    }

    fn identifier(&mut self) -> Result<String, String> {
        match self.next() {
            sign if sign.is_empty() || is_sign(sign) => Err(format!("found '{sign}', expected: identifier")),
            word => Ok(word.to_owned()),
        }
    }

    /// A value, which may be empty.
    fn value(&mut self) -> Result<String, String> {
        if matches!(self.peek(), "" | ",") { Ok(String::new()) } else { self.identifier() }
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            "(" => {}
            other => return Err(format!("found '{other}' expected: '('")),
        }
        if self.peek() == ")" {
            return Err("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty".to_owned());
        }
        let mut values = Vec::new();
        loop {
            values.push(match self.peek() {
                ")" | "," => String::new(),
                sign if sign.is_empty() || is_sign(sign) => {
                    return Err(format!("found '{sign}', expected: ',', ')' or identifier"));
                }
                _ => self.next().to_owned(),
            });
            match self.next() {
                ")" => return Ok(values),
                "," => {}
                other => return Err(format!("found '{other}', expected: ',' or ')'")),
            }
        }
    }
}

fn is_sign(token: &str) -> bool {
    token.starts_with(['(', ')', ',', '!', '=', '<', '>'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(selector: &str, want: bool) {
        let labels = json!({"app": "web", "tier": "a", "n": "5", "empty": "", "example.com/x": "y"});
        let selector = LabelSelector::parse(selector).unwrap();
        assert_eq!(selector.matches(labels.as_object()), want, "`{selector}`");
        assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
    }

    #[test]
    fn terms_hold_together() {
        check("", true);
        check("app=web", true);
        check("app == web , tier!=b", true);
        check("tier in (a, b),app notin (x)", true);
        check("tier notin (a)", false);
        check("none notin (a)", true);
        check("!none", true);
        check("! app", false);
        check("app,none", false);
        check("n>4,n<6", true);
        check("n>5", false);
        check("empty=", true);
        check("empty in (,x)", true);
        check("example.com/x=y", true);
    }

    #[test]
    fn objects_are_selectors_too() {
        let selector = LabelSelector::from_object(&json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "x", "operator": "DoesNotExist"}]}));
        assert_eq!(selector.unwrap().to_string(), "app=web,tier in (a,b),!x");
        let error = |object: Value| LabelSelector::from_object(&object).unwrap_err().why().to_owned();
        assert_eq!(error(json!({"matchLabels": {"a": 1}})), "matchLabels: `a` is no string");
        assert_eq!(
            error(json!({"matchExpressions": [{"key": "a", "operator": "Like"}]})),
            "\"Like\" is not a valid label selector operator"
        );
        assert_eq!(
            error(json!({"matchExpressions": [{"key": "a", "operator": "In"}]})),
            "matchExpressions: `a` needs values for its operator"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| LabelSelector::parse(text).unwrap_err().why().to_owned();
        assert_eq!(error("a b"), "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
        assert_eq!(error("=b"), "found '=', expected: !, identifier, or 'end of string'");
        assert_eq!(error("a=b,"), "found '', expected: identifier after ','");
        assert_eq!(error("x in 1"), "unable to parse requirement: found '1' expected: '('");
        assert_eq!(error("a in (b"), "unable to parse requirement: found '', expected: ',' or ')'");
        assert_eq!(error("a>x"), "unable to parse requirement: `x` is no whole number, as `>` and `<` need");
        assert_eq!(error("a=-b"), "unable to parse requirement: value `-b` must begin and end with a letter or digit");
        assert_eq!(
            error("A_/x=b"),
            "unable to parse requirement: key `A_/x`: `A_` is no DNS subdomain (lower case, at most 253 characters)"
        );
        assert_eq!(error("k=bad!value"), "found '!', expected: ',' or 'end of string'");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = LabelSelector::parse(&text).map(|it| it.matches(None));
        }

        #[test]
        fn nothing_made_of_its_own_signs_panics(text in "[a1=!,()<> ]{0,12}( in | notin )?[a1=!,()<> ]{0,12}") {
            if let Ok(selector) = LabelSelector::parse(&text) {
                prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
            }
        }
    }
}
