//! A scenario: what workloads are told to do from outside, without annotations.

use std::time::Duration;

use regex::Regex;
use serde_json::{Map, Value};
use sluice_object::selector::LabelSelector;

use crate::rest::meta;

use super::script::{Outcome, parse_duration, parse_outcome};

/// Rules about workloads, in order: of those that concern an object now, the first decides what its annotations leave
/// open.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
struct Rule {
    kind: Option<String>,
    namespace: Option<Regex>,
    name: Option<Regex>,
    labels: Option<LabelSelector>,
    after: Duration,
    until: Option<Duration>,
    told: Told,
}

/// What a rule tells.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// What becomes of the Pods.
    pub outcome: Option<Outcome>,
    /// How long that takes.
    pub ready_after: Option<Duration>,
    /// How long containers of a Job run.
    pub runs_for: Option<Duration>,
    /// The CPU utilization that an autoscaler sees, in percent.
    pub utilization: Option<i64>,
}

/// Why a scenario cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScenarioError {
    /// The file is no YAML.
    #[error("scenario: {0}")]
    Yaml(String),
    /// It is no list of rules.
    #[error("scenario: expected a list of rules")]
    List,
    /// A rule has a field that means nothing.
    #[error("scenario: rule {rule}: unknown field `{field}`; known are {known}", known = FIELDS.join(", "))]
    Unknown {
        /// Which rule, from 1.
        rule: usize,
        /// The field.
        field: String,
    },
    /// A field has a wrong value.
    #[error("scenario: rule {rule}: {field}: `{value}` is no {wanted}")]
    Value {
        /// Which rule, from 1.
        rule: usize,
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
}

const FIELDS: [&str; 10] =
    ["kind", "namespace", "name", "labels", "after", "until", "outcome", "readyAfter", "runsFor", "utilization"];

const OUTCOMES: &str = "outcome (ready, stall, fail, crash-loop, out-of-memory, image-pull-error, unschedulable)";

impl Scenario {
    /// Reads a scenario: a YAML list of rules.
    ///
    /// # Errors
    /// For the first rule that is none.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let value = sluice_yaml::parse(text, sluice_yaml::Dialect::V2);
        let value = value.map_err(|error| ScenarioError::Yaml(error.to_string()))?;
        let list = match &value {
            Value::Null => &[][..],
            Value::Array(list) => list,
            _ => return Err(ScenarioError::List),
        };
        let rules = list.iter().enumerate().map(|(index, rule)| Rule::parse(index + 1, rule));
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// The moments, from the start of the server, when a rule begins or ends.
    pub fn turns(&self) -> Vec<Duration> {
        let mut turns: Vec<Duration> = self
            .rules
            .iter()
            .flat_map(|rule| [Some(rule.after), rule.until])
            .flatten()
            .filter(|it| !it.is_zero())
            .collect();
        turns.sort();
        turns.dedup();
        turns
    }

    /// What `object` is told when the server has run for `age`.
    pub fn told(&self, object: &Value, age: Duration) -> Option<&Told> {
        let mut rules = self.rules.iter();
        rules
            .find(|it| it.after <= age && it.until.is_none_or(|until| age < until) && it.concerns(object))
            .map(|it| &it.told)
    }
}

impl Rule {
    fn parse(rule: usize, value: &Value) -> Result<Self, ScenarioError> {
        let empty = Map::new();
        let map = value.as_object().unwrap_or(&empty);
        if let Some(field) = map.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            return Err(ScenarioError::Unknown { rule, field: field.clone() });
        }
        let wrong = |field, value: &Value, wanted| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            ScenarioError::Value { rule, field, value, wanted }
        };
        let duration = |field: &'static str| match map.get(field) {
            None => Ok(None),
            Some(value) => {
                let read = value.as_str().and_then(parse_duration);
                read.map(Some).ok_or_else(|| wrong(field, value, "duration such as 1m30s"))
            }
        };
        let pattern = |field: &'static str| match map.get(field) {
            None => Ok(None),
            Some(value) => value.as_str().and_then(glob).map(Some).ok_or_else(|| wrong(field, value, "name")),
        };
        let labels = match map.get("labels") {
            None => None,
            Some(value) => {
                let read = value.as_str().and_then(|text| LabelSelector::parse(text).ok());
                Some(read.ok_or_else(|| wrong("labels", value, "label selector"))?)
            }
        };
        let outcome = match map.get("outcome") {
            None => None,
            Some(value) => {
                Some(value.as_str().and_then(parse_outcome).ok_or_else(|| wrong("outcome", value, OUTCOMES))?)
            }
        };
        let utilization = match map.get("utilization") {
            None => None,
            Some(value) => Some(value.as_i64().ok_or_else(|| wrong("utilization", value, "number of percent"))?),
        };
        Ok(Self {
            kind: map.get("kind").and_then(Value::as_str).map(str::to_owned),
            namespace: pattern("namespace")?,
            name: pattern("name")?,
            labels,
            after: duration("after")?.unwrap_or_default(),
            until: duration("until")?,
            told: Told { outcome, ready_after: duration("readyAfter")?, runs_for: duration("runsFor")?, utilization },
        })
    }

    fn concerns(&self, object: &Value) -> bool {
        let fits = |pattern: &Option<Regex>, field: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.is_match(meta::text(object, field)))
        };
        let labels = meta::of(object).get("labels").and_then(Value::as_object);
        self.kind.as_ref().is_none_or(|kind| object["kind"] == kind.as_str())
            && fits(&self.namespace, "namespace")
            && fits(&self.name, "name")
            && self.labels.as_ref().is_none_or(|selector| selector.matches(labels))
    }
}

/// A name in which `*` is anything.
fn glob(text: &str) -> Option<Regex> {
    Regex::new(&format!("^{}$", regex::escape(text).replace("\\*", ".*"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_rule_that_fits_now_decides() {
        let text = "- {kind: Deployment, name: web-*, after: 1m, until: 2m, outcome: crash-loop}\n\
                    - {labels: app=x, outcome: stall, readyAfter: 3s}\n";
        let scenario = Scenario::parse(text).unwrap();
        let object = json!({"kind": "Deployment", "metadata": {"name": "web-1", "labels": {"app": "x"}}});
        let outcome = |seconds| scenario.told(&object, Duration::from_secs(seconds)).and_then(|it| it.outcome);
        assert_eq!(
            [outcome(0), outcome(60), outcome(120)],
            [Some(Outcome::Stall), Some(Outcome::CrashLoop), Some(Outcome::Stall)]
        );
        assert_eq!(scenario.turns(), [Duration::from_secs(60), Duration::from_secs(120)]);
        assert!(scenario.told(&json!({"kind": "Deployment", "metadata": {"name": "db"}}), Duration::ZERO).is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check =
            |text: &str, want: &str| assert!(Scenario::parse(text).unwrap_err().to_string().contains(want), "{text}");
        check("a: b", "expected a list of rules");
        check("- {nam: x}", "rule 1: unknown field `nam`");
        check("- {outcome: explode}", "rule 1: outcome: `explode` is no outcome (ready, ");
        check("- {kind: Job}\n- {after: soon}", "rule 2: after: `soon` is no duration");
    }
}
