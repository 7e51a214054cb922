//! `.helmignore`: which files of a folder are no part of the chart.

use crate::glob::{BadPattern, Pattern};

/// The rules of a `.helmignore` file, with Helm's own added.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    negate: bool,
    must_be_dir: bool,
    whole_path: bool,
}

/// A line that Helm refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    /// `**` in a pattern.
    #[error("double-star (**) syntax is not supported")]
    DoubleStar,
    /// A pattern that is none.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
}

impl Rules {
    /// Reads the file's text; hidden files in `templates/` are always left out.
    pub(crate) fn parse(text: &str) -> Result<Self, IgnoreError> {
        let mut rules = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines().chain(["templates/.?*"]) {
            rules.extend(Rule::parse(line)?);
        }
        Ok(Self(rules))
    }

    /// Whether the file or folder is left out. A negated rule leaves out all that it does not match, as in Helm.
    pub(crate) fn ignores(&self, path: &str, is_dir: bool) -> bool {
        for rule in &self.0 {
            if rule.negate {
                if (rule.must_be_dir && !is_dir) || !rule.matches(path) {
                    return true;
                }
            } else if (is_dir || !rule.must_be_dir) && rule.matches(path) {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Option<Self>, IgnoreError> {
        let rule = line.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(None);
        }
        if rule.contains("**") {
            return Err(IgnoreError::DoubleStar);
        }
        Pattern::parse(rule)?;
        let (negate, rule) = rule.strip_prefix('!').map_or((false, rule), |rest| (true, rest));
        let (must_be_dir, rule) = rule.strip_suffix('/').map_or((false, rule), |rest| (true, rest));
        let whole_path = rule.contains('/');
        let pattern = Pattern::parse(rule.strip_prefix('/').unwrap_or(rule))?;
        Ok(Some(Self { pattern, negate, must_be_dir, whole_path }))
    }

    fn matches(&self, path: &str) -> bool {
        let subject = if self.whole_path { path } else { path.rsplit('/').next().unwrap_or(path) };
        self.pattern.matches(subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_match_names_paths_and_folders() {
        let rules = Rules::parse("# no\n\n*.bak\n/top.txt\ndocs/\na/*.md\n").unwrap();
        assert!(rules.ignores("x/y.bak", false));
        assert!(rules.ignores("top.txt", false) && !rules.ignores("x/top.txt", false));
        assert!(rules.ignores("docs", true) && !rules.ignores("docs", false));
        assert!(rules.ignores("a/b.md", false) && !rules.ignores("a/b/c.md", false));
        assert!(rules.ignores("templates/.x", false) && !rules.ignores("templates/x", false));
    }

    #[test]
    fn a_negated_rule_leaves_out_everything_else() {
        let rules = Rules::parse("!keep.txt").unwrap();
        assert!(rules.ignores("Chart.yaml", false) && !rules.ignores("keep.txt", false));
    }

    #[test]
    fn what_helm_refuses_is_refused() {
        assert_eq!(Rules::parse("a/**").unwrap_err(), IgnoreError::DoubleStar);
        assert!(matches!(Rules::parse("[a").unwrap_err(), IgnoreError::Pattern(_)));
    }
}
