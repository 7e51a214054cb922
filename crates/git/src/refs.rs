//! References of a remote, and which of them an object asks for.

use crate::error::Error;
use crate::objects::parse_id;
use gix::ObjectId;
use gix::bstr::BStr;
use std::collections::BTreeMap;
use std::fmt;

/// Longest name of a reference that is taken from a remote.
const NAME_BYTES: usize = 4096;

/// A reference as a remote lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// What it points to; for an annotated tag the tag object.
    pub id: ObjectId,
    /// For an annotated tag, what the tag points to in the end.
    pub peeled: Option<ObjectId>,
    /// For a symbolic reference, the name it stands for.
    pub target: Option<String>,
}

impl Ref {
    /// The commit, all tags peeled.
    pub fn commit(&self) -> ObjectId {
        self.peeled.unwrap_or(self.id)
    }
}

/// What a remote listed.
#[derive(Debug, Clone, Default)]
pub struct RefList {
    pub(crate) refs: BTreeMap<String, Ref>,
    /// The branch that `HEAD` names though it has no commit.
    pub(crate) unborn: Option<String>,
    /// Whether everything was listed, or only what begins with some prefixes.
    pub(crate) complete: bool,
}

impl RefList {
    /// The reference of that full name.
    pub fn get(&self, name: &str) -> Option<&Ref> {
        self.refs.get(name)
    }

    /// All references by full name, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Ref)> {
        self.refs.iter().map(|(name, it)| (name.as_str(), it))
    }

    /// The references below `prefix`, such as `refs/tags/`, by what follows it.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Ref)> {
        self.refs
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .map(move |(name, it)| (&name[prefix.len()..], it))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// The branch that `HEAD` stands for, as a full name.
    pub fn head(&self) -> Option<&str> {
        self.refs.get("HEAD").and_then(|it| it.target.as_deref())
    }

    pub(crate) fn insert(&mut self, name: String, it: Ref) {
        self.refs.insert(name, it);
    }

    pub(crate) fn set_peeled(&mut self, name: &str, id: ObjectId) {
        if let Some(it) = self.refs.get_mut(name) {
            it.peeled = Some(id);
        }
    }

    pub(crate) fn set_target(&mut self, name: &str, target: &str) {
        if let Some(it) = self.refs.get_mut(name) {
            it.target = Some(target.to_owned());
        }
    }
}

/// What to check out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// Whatever `HEAD` stands for.
    Head,
    /// A branch, short name.
    Branch(String),
    /// A tag, short name.
    Tag(String),
    /// The highest version among the tags that satisfy a range.
    Semver(String),
    /// Any reference by full name, such as `refs/pull/420/head`; `^{}` at the end is allowed for tags.
    Name(String),
    /// A commit.
    Commit {
        /// Forty hexadecimal digits.
        id: String,
        /// The branch it must be on; any branch if absent.
        branch: Option<String>,
    },
}

impl Reference {
    /// Checks the names.
    ///
    /// # Errors
    /// [`Error::InvalidReference`] for what Git does not allow as a name, or what is no commit id.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Reference::Head | Reference::Semver(_) => Ok(()),
            Reference::Branch(name) => check_name(&format!("refs/heads/{name}")),
            Reference::Tag(name) => check_name(&format!("refs/tags/{name}")),
            Reference::Name(name) if name == "HEAD" => Ok(()),
            Reference::Name(name) => {
                if !name.starts_with("refs/") {
                    let reason = "a full name begins with `refs/`".to_owned();
                    return Err(Error::InvalidReference { reference: escaped(name), reason });
                }
                check_name(name.strip_suffix("^{}").unwrap_or(name))
            }
            Reference::Commit { id, branch } => {
                if parse_id(id).is_none() {
                    let reason = "a commit is given by its forty hexadecimal digits".to_owned();
                    return Err(Error::InvalidReference { reference: escaped(id), reason });
                }
                branch.as_deref().map_or(Ok(()), |branch| check_name(&format!("refs/heads/{branch}")))
            }
        }
    }

    /// Beginnings of the names that a listing must hold to resolve this.
    pub fn prefixes(&self) -> Vec<String> {
        match self {
            Reference::Head => vec!["HEAD".into()],
            Reference::Branch(name) => vec![format!("refs/heads/{name}")],
            Reference::Tag(name) => vec![format!("refs/tags/{name}")],
            Reference::Semver(_) => vec!["refs/tags/".into()],
            Reference::Name(name) => vec![name.strip_suffix("^{}").unwrap_or(name).to_owned()],
            Reference::Commit { branch: Some(branch), .. } => vec![format!("refs/heads/{branch}")],
            Reference::Commit { branch: None, .. } => vec!["refs/heads/".into()],
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Head => f.write_str("HEAD"),
            Reference::Branch(name) => write!(f, "refs/heads/{name}"),
            Reference::Tag(name) => write!(f, "refs/tags/{name}"),
            Reference::Semver(range) => write!(f, "semver {range}"),
            Reference::Name(name) => f.write_str(name),
            Reference::Commit { id, .. } => f.write_str(id),
        }
    }
}

/// A commit that a listing has been resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The commit.
    pub commit: ObjectId,
    /// The annotated tag object on the way, if there is one.
    pub tag: Option<ObjectId>,
    /// What precedes `@sha1:` in a revision: short branch or tag, or the full name as it was asked for; `None` for a
    /// commit that was asked for by id alone.
    pub name: Option<String>,
}

impl Resolved {
    /// The revision as Flux writes it (spec/flux/source.md §1): `main@sha1:…` or `sha1:…`.
    pub fn revision(&self) -> String {
        match &self.name {
            Some(name) => format!("{name}@sha1:{}", self.commit),
            None => format!("sha1:{}", self.commit),
        }
    }
}

/// Finds in `refs` what `reference` means, for everything but ranges and commits.
pub(crate) fn resolve_name(refs: &RefList, reference: &Reference, url: &str) -> Result<Resolved, Error> {
    let (full, name) = match reference {
        Reference::Head => {
            let full = refs.head().unwrap_or("HEAD");
            (full.to_owned(), full.strip_prefix("refs/heads/").unwrap_or(full).to_owned())
        }
        Reference::Branch(name) => (format!("refs/heads/{name}"), name.clone()),
        Reference::Tag(name) => (format!("refs/tags/{name}"), name.clone()),
        // The name stays as it was written, `^{}` included (spec/flux/source.md §1).
        Reference::Name(name) => (name.strip_suffix("^{}").unwrap_or(name).to_owned(), name.clone()),
        Reference::Semver(_) | Reference::Commit { .. } => unreachable!("the caller resolves these"),
    };
    // HEAD is listed under its own name, its target need not be.
    let found = refs.get(&full).or_else(|| (*reference == Reference::Head).then(|| refs.get("HEAD")).flatten());
    let found = found.ok_or_else(|| not_found(refs, &full, url))?;
    let tag = found.peeled.is_some().then_some(found.id);
    Ok(Resolved { commit: found.commit(), tag, name: Some(name) })
}

/// No such reference: because there is nothing at all, or because of its name.
pub(crate) fn not_found(refs: &RefList, full: &str, url: &str) -> Error {
    if refs.is_empty() && (refs.complete || refs.unborn.is_some()) {
        return Error::EmptyRepository { url: url.to_owned() };
    }
    let hint = match (refs.head(), full.strip_prefix("refs/heads/")) {
        (Some(head), Some(_)) if head != full => {
            format!("; the default branch is `{}`", escaped(head.strip_prefix("refs/heads/").unwrap_or(head)))
        }
        _ => String::new(),
    };
    Error::ReferenceNotFound { url: url.to_owned(), reference: escaped(full), hint }
}

/// Checks the full name of a reference by Git's rules.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let refuse = |reason: String| Err(Error::InvalidReference { reference: escaped(name), reason });
    if name.len() > NAME_BYTES {
        return refuse(format!("longer than {NAME_BYTES} bytes"));
    }
    match gix::validate::reference::name(BStr::new(name)) {
        Ok(_) => Ok(()),
        Err(err) => refuse(err.to_string()),
    }
}

fn escaped(name: &str) -> String {
    crate::error::peer_text(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(reference: Reference) {
        assert!(matches!(reference.check(), Err(Error::InvalidReference { .. })), "{reference:?}");
    }

    #[test]
    fn names_that_git_does_not_allow_are_refused() {
        for name in ["../../x", "a..b", "a.lock", "@{", "a b", "", "a\u{0}", "/a", "a/", &"x".repeat(5000)] {
            refused(Reference::Branch(name.into()));
        }
        refused(Reference::Name("main".into()));
        refused(Reference::Name("refs/heads/../x".into()));
        refused(Reference::Commit { id: "abc".into(), branch: None });
        refused(Reference::Commit { id: "g".repeat(40), branch: None });
    }

    #[test]
    fn revisions_are_spelled_as_flux_does() {
        let commit = ObjectId::empty_tree(crate::objects::HASH);
        let mut refs = RefList::default();
        let plain = Ref { id: commit, peeled: None, target: None };
        refs.insert("refs/heads/feature/x".into(), plain.clone());
        refs.insert("refs/tags/v1".into(), Ref { peeled: Some(commit), ..plain.clone() });
        refs.insert("HEAD".into(), Ref { target: Some("refs/heads/feature/x".into()), ..plain });
        let revision = |it| resolve_name(&refs, &it, "u").unwrap().revision();
        assert_eq!(revision(Reference::Branch("feature/x".into())), format!("feature/x@sha1:{commit}"));
        assert_eq!(revision(Reference::Head), format!("feature/x@sha1:{commit}"));
        assert_eq!(revision(Reference::Tag("v1".into())), format!("v1@sha1:{commit}"));
        assert_eq!(revision(Reference::Name("refs/tags/v1^{}".into())), format!("refs/tags/v1^{{}}@sha1:{commit}"));
        let err = resolve_name(&refs, &Reference::Branch("main".into()), "u").unwrap_err().to_string();
        assert!(err.contains("the default branch is `feature/x`"), "{err}");
    }

    #[test]
    fn an_empty_repository_is_told_from_a_missing_branch() {
        let refs = RefList { unborn: Some("refs/heads/main".into()), ..RefList::default() };
        let err = resolve_name(&refs, &Reference::Branch("main".into()), "u").unwrap_err();
        assert!(matches!(err, Error::EmptyRepository { .. }));
    }
}
