//! Which tag a policy takes.

use sluice_version::{Constraint, pick};

use crate::choice::{Choice, FilterTags};
use crate::{filter, float};

/// Why no tag is taken. The texts are the original's, as they are read in the Ready condition.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChooseError {
    /// The policy itself says nothing that can be followed.
    #[error("invalid policy: {0}")]
    InvalidPolicy(String),
    /// The filter's pattern is no regular expression.
    #[error("failed to filter tags: invalid regular expression pattern '{pattern}': error parsing regexp: {why}")]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no tag, or the filter leaves none.
    #[error("version list argument cannot be empty")]
    NoTags,
    /// No tag is a version that the range admits.
    #[error("unable to determine latest version from provided list")]
    NoneMatches,
    /// A tag, or what was extracted from it, is no number.
    #[error("failed to parse invalid numeric value '{0}'")]
    NotANumber(String),
}

/// The tag that the policy takes from `tags`, in the order of the database. Where the original picks one of several
/// equals at random, this takes the one that its rule for unfiltered lists gives.
///
/// # Errors
/// When the policy or the filter is invalid, or no tag answers to them.
pub fn choose<'a>(
    choice: &Choice,
    filter: Option<&FilterTags>,
    tags: impl IntoIterator<Item = &'a str>,
) -> Result<&'a str, ChooseError> {
    let rule = Rule::of(choice)?;
    let candidates = match filter {
        Some(filter) => filter::apply(filter, tags)?,
        None => tags.into_iter().map(|tag| (tag.into(), tag)).collect(),
    };
    if candidates.is_empty() {
        return Err(ChooseError::NoTags);
    }
    rule.take(&candidates)
}

enum Order {
    Ascending,
    Descending,
}

impl Order {
    fn of(text: &str) -> Result<Self, ChooseError> {
        match text.to_uppercase().as_str() {
            "" | "ASC" => Ok(Self::Ascending),
            "DESC" => Ok(Self::Descending),
            other => Err(ChooseError::InvalidPolicy(format!(
                "invalid order argument provided: '{other}', must be one of: ASC, DESC"
            ))),
        }
    }
}

enum Rule {
    Semver(Constraint),
    Alphabetical(Order),
    Numerical(Order),
}

impl Rule {
    fn of(choice: &Choice) -> Result<Self, ChooseError> {
        if let Some(semver) = &choice.semver {
            let parsed = Constraint::parse(&semver.range);
            return parsed.map(Self::Semver).map_err(|error| ChooseError::InvalidPolicy(error.to_string()));
        }
        if let Some(alphabetical) = &choice.alphabetical {
            return Order::of(&alphabetical.order).map(Self::Alphabetical);
        }
        if let Some(numerical) = &choice.numerical {
            return Order::of(&numerical.order).map(Self::Numerical);
        }
        Err(ChooseError::InvalidPolicy("given ImagePolicyChoice object is invalid".to_owned()))
    }

    fn take<'a>(&self, candidates: &[filter::Candidate<'a>]) -> Result<&'a str, ChooseError> {
        match self {
            Self::Semver(constraint) => {
                let latest = pick::latest(Some(constraint), candidates.iter().map(|(compared, _)| compared.as_ref()));
                let latest = latest.ok_or(ChooseError::NoneMatches)?;
                let found = candidates.iter().find(|(compared, _)| compared == latest);
                found.map(|(_, tag)| *tag).ok_or(ChooseError::NoneMatches)
            }
            Self::Alphabetical(order) => {
                let by = |(compared, _): &&filter::Candidate<'a>| compared.to_string();
                let taken = match order {
                    Order::Ascending => candidates.iter().max_by_key(by),
                    Order::Descending => candidates.iter().min_by_key(by),
                };
                taken.map(|(_, tag)| *tag).ok_or(ChooseError::NoTags)
            }
            Self::Numerical(order) => numerical(order, candidates),
        }
    }
}

/// The original's loop, which decides what a NaN does: nothing is less or greater than it, so it takes and gives way.
fn numerical<'a>(order: &Order, candidates: &[filter::Candidate<'a>]) -> Result<&'a str, ChooseError> {
    let mut best: Option<(f64, &'a str)> = None;
    for (compared, tag) in candidates {
        let n = float::parse(compared).ok_or_else(|| ChooseError::NotANumber(compared.to_string()))?;
        let stays = best.is_some_and(|(best, _)| match order {
            Order::Ascending => n < best,
            Order::Descending => n > best,
        });
        if !stays {
            best = Some((n, tag));
        }
    }
    best.map(|(_, tag)| tag).ok_or(ChooseError::NoTags)
}
