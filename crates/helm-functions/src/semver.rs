//! Versions.

use std::any::Any;
use std::sync::Arc;

use sluice_gotemplate::{Call, Error, Functions, Object, Param, Signature, Value};
use sluice_version::{Constraint, Version};

use crate::convert::{STR, ok, text};

fn parse(text: &str) -> Result<Version, Error> {
    Version::parse(text).map_err(|error| Error::new(error.to_string()))
}

pub(crate) fn add(f: &mut Functions) {
    f.add("semver", &[STR], None, |_, a| Ok(Value::Object(Arc::new(Semver(parse(&text(&a[0]))?)))));
    f.add("semverCompare", &[STR, STR], None, |_, a| {
        let constraint = Constraint::parse(&text(&a[0])).map_err(|error| Error::new(error.to_string()))?;
        ok(constraint.matches(&parse(&text(&a[1]))?))
    });
}

#[derive(Debug)]
struct Semver(Version);

const NOTHING: Signature = Signature { fixed: &[], rest: None };
const OTHER: Signature = Signature { fixed: &[Param::Named("*semver.Version")], rest: None };
const ONE_STRING: Signature = Signature { fixed: &[Param::String], rest: None };

impl Object for Semver {
    fn type_name(&self) -> &str {
        "*semver.Version"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "Major" | "Minor" | "Patch" | "Prerelease" | "Metadata" | "Original" | "String" | "IncMajor"
            | "IncMinor" | "IncPatch" => Some(NOTHING),
            "Compare" | "LessThan" | "GreaterThan" | "Equal" | "LessThanEqual" | "GreaterThanEqual" => Some(OTHER),
            "SetPrerelease" | "SetMetadata" => Some(ONE_STRING),
            _ => None,
        }
    }

    fn call(&self, _: &mut Call<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let version = &self.0;
        let shown = version.to_string();
        let core: Vec<u64> =
            shown.split(['-', '+']).next().unwrap_or("").split('.').map(|n| n.parse().unwrap_or(0)).collect();
        let number = |at: usize| Ok(Value::Uint64(core.get(at).copied().unwrap_or(0)));
        let new = |version: Version| Ok(Value::Object(Arc::new(Semver(version))));
        let order = || match args.first() {
            Some(Value::Object(other)) => match other.as_any().downcast_ref::<Semver>() {
                Some(other) => Ok(version.cmp(&other.0)),
                None => Err(Error::new("not a version")),
            },
            _ => Err(Error::new("runtime error: invalid memory address or nil pointer dereference")),
        };
        match name {
            "Major" => number(0),
            "Minor" => number(1),
            "Patch" => number(2),
            "Prerelease" => ok(version.prerelease()),
            "Metadata" => ok(version.metadata()),
            "Original" => ok(version.original()),
            "IncMajor" => new(version.next_major()),
            "IncMinor" => new(version.next_minor()),
            "IncPatch" => new(version.next_patch()),
            "Compare" => Ok(Value::Int(order()? as i64)),
            "LessThan" => ok(order()?.is_lt()),
            "GreaterThan" => ok(order()?.is_gt()),
            "Equal" => ok(order()?.is_eq()),
            "LessThanEqual" => ok(order()?.is_le()),
            "GreaterThanEqual" => ok(order()?.is_ge()),
            "SetPrerelease" => {
                let base = format!("{}.{}.{}", core[0], core[1], core[2]);
                let (pre, meta) = (text(&args[0]), version.metadata());
                let pre = if pre.is_empty() { String::new() } else { format!("-{pre}") };
                let meta = if meta.is_empty() { String::new() } else { format!("+{meta}") };
                new(parse(&format!("{base}{pre}{meta}"))?)
            }
            "SetMetadata" => new(parse(&format!("{}+{}", shown.split('+').next().unwrap_or(""), text(&args[0])))?),
            _ => ok(shown),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::Value::from(self.0.to_string())
    }

    fn print(&self, _: bool) -> String {
        self.0.to_string()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
