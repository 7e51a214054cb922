//! Test.

use sluice_helm::release::{HookRecord, Record};

use crate::error::Failure;
use crate::{Release, Test};

impl Release<'_> {
    /// Runs the tests of a release, and records how they went.
    ///
    /// # Errors
    /// See [`Failure`]; it carries the record with the outcome of each test.
    pub async fn test(&self, options: &Test, record: &Record) -> Result<Record, Failure> {
        let mut record = record.clone();
        let wanted = |hook: &HookRecord| is_wanted(&hook.name, &options.filters);
        let outcome = self.run_hooks(&mut record, "test", options.timeout, &wanted).await;
        let stored = self.storage().update(&record).await;
        if let Err(wrong) = outcome {
            let message = wrong.message.clone();
            return Err(wrong.failure(message, &record));
        }
        stored.map_err(|why| Failure::new(why).with(&record))?;
        Ok(record)
    }
}

/// An excluded test is not run; where tests are named, no others are.
fn is_wanted(name: &str, filters: &[(String, bool)]) -> bool {
    let named = |exclude: bool| filters.iter().any(|(it, excluded)| it == name && *excluded == exclude);
    let only = filters.iter().any(|(_, exclude)| !exclude);
    !named(true) && (!only || named(false))
}

#[cfg(test)]
mod tests {
    use super::is_wanted;

    #[test]
    fn filters_name_tests_to_run_or_to_leave_out() {
        let check = |name: &str, filters: &[(&str, bool)], want: bool| {
            let filters: Vec<_> = filters.iter().map(|(it, exclude)| ((*it).to_owned(), *exclude)).collect();
            assert_eq!(is_wanted(name, &filters), want, "{name} {filters:?}");
        };
        check("a", &[], true);
        check("a", &[("a", false)], true);
        check("b", &[("a", false)], false);
        check("a", &[("a", true)], false);
        check("b", &[("a", true)], true);
    }
}
