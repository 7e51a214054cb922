//! `sluice create image repository`, `policy` and `update` (spec/flux/cli.md §2).

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::kinds;

/// The kinds of image automation.
#[derive(Subcommand)]
pub enum Images {
    /// An ImageRepository: where tags are looked for
    Repository(RepositoryArgs),
    /// An ImagePolicy: which tag is wanted
    Policy(PolicyArgs),
    /// An ImageUpdateAutomation: where it is written
    Update(Box<UpdateArgs>),
}

impl Images {
    /// The object.
    ///
    /// # Errors
    /// When flags contradict each other.
    pub fn object(&self, namespace: &str, interval: &str) -> anyhow::Result<Value> {
        match self {
            Images::Repository(args) => Ok(args.object(namespace, interval)),
            Images::Policy(args) => args.object(namespace, interval),
            Images::Update(args) => Ok(args.object(namespace, interval)),
        }
    }
}

const REPOSITORY_EXAMPLES: &str = "\
Examples:
  sluice create image repository web --image ghcr.io/acme/web --interval 5m --secret-ref ghcr --export";

/// What an ImageRepository is made of.
#[derive(Args)]
#[command(after_help = REPOSITORY_EXAMPLES)]
pub struct RepositoryArgs {
    /// Name of the ImageRepository
    name: String,
    /// Image, without a tag
    #[arg(long)]
    image: String,
    /// Secret with the credentials of the registry
    #[arg(long, default_value = "")]
    secret_ref: String,
    /// Secret with certificates
    #[arg(long, default_value = "")]
    cert_ref: String,
    /// Time for one scan
    #[arg(long, default_value = "")]
    scan_timeout: String,
}

impl RepositoryArgs {
    fn object(&self, namespace: &str, interval: &str) -> Value {
        let spec = Map::from_iter([
            ("image".to_owned(), json!(self.image)),
            ("interval".to_owned(), json!(interval)),
            ("secretRef".to_owned(), reference(&self.secret_ref)),
            ("certSecretRef".to_owned(), reference(&self.cert_ref)),
            ("timeout".to_owned(), json!(self.scan_timeout)),
        ]);
        super::object(kinds::IMAGE_REPOSITORY.api_version, "ImageRepository", namespace, &self.name, spec)
    }
}

const POLICY_EXAMPLES: &str = "\
Examples:
  # The highest 1.x
  sluice create image policy web --image-ref web --select-semver 1.x

  # The latest build of main, by the number in its tag
  sluice create image policy web --image-ref web --select-numeric asc \\
    --filter-regex '^main-[a-f0-9]+-(?P<ts>[0-9]+)' --filter-extract '$ts'";

/// What an ImagePolicy is made of.
#[derive(Args)]
#[command(after_help = POLICY_EXAMPLES)]
pub struct PolicyArgs {
    /// Name of the ImagePolicy
    name: String,
    /// ImageRepository to choose from
    #[arg(long)]
    image_ref: String,
    /// The highest version in this range
    #[arg(long, default_value = "")]
    select_semver: String,
    /// By the order of letters; asc takes the last
    #[arg(long, value_parser = ["asc", "desc"])]
    select_alpha: Option<String>,
    /// By number; asc takes the greatest
    #[arg(long, value_parser = ["asc", "desc"])]
    select_numeric: Option<String>,
    /// Regular expression of the tags to choose from
    #[arg(long, default_value = "")]
    filter_regex: String,
    /// What of a tag is compared, by the groups of the expression
    #[arg(long, default_value = "")]
    filter_extract: String,
    /// When to look up the digest; Always does it at each --interval
    #[arg(long, value_parser = ["Always", "IfNotPresent", "Never"])]
    reflect_digest: Option<String>,
}

impl PolicyArgs {
    fn object(&self, namespace: &str, interval: &str) -> anyhow::Result<Value> {
        let policy = match (self.select_semver.as_str(), &self.select_alpha, &self.select_numeric) {
            (range, None, None) if !range.is_empty() => json!({"semver": {"range": range}}),
            ("", Some(order), None) => json!({"alphabetical": {"order": order}}),
            ("", None, Some(order)) => json!({"numerical": {"order": order}}),
            ("", None, None) => bail!("say how to choose: --select-semver, --select-alpha or --select-numeric"),
            _ => bail!("--select-semver, --select-alpha and --select-numeric exclude each other; keep one"),
        };
        if self.filter_regex.is_empty() && !self.filter_extract.is_empty() {
            bail!("--filter-extract needs --filter-regex, whose groups it names");
        }
        let filter = match self.filter_regex.as_str() {
            "" => Value::Null,
            pattern => {
                let mut filter = json!({"pattern": pattern});
                if !self.filter_extract.is_empty() {
                    filter["extract"] = self.filter_extract.as_str().into();
                }
                filter
            }
        };
        let is_asked_again = self.reflect_digest.as_deref() == Some("Always");
        let spec = Map::from_iter([
            ("imageRepositoryRef".to_owned(), json!({"name": self.image_ref})),
            ("policy".to_owned(), policy),
            ("filterTags".to_owned(), filter),
            ("digestReflectionPolicy".to_owned(), json!(self.reflect_digest)),
            ("interval".to_owned(), json!(if is_asked_again { interval } else { "" })),
        ]);
        Ok(super::object(kinds::IMAGE_POLICY.api_version, "ImagePolicy", namespace, &self.name, spec))
    }
}

const UPDATE_EXAMPLES: &str = "\
Examples:
  sluice create image update fleet --git-repo-ref fleet --git-repo-path ./apps --checkout-branch main \\
    --author-name Sluice --author-email sluice@acme.example --export";

/// What an ImageUpdateAutomation is made of.
#[derive(Args)]
#[command(after_help = UPDATE_EXAMPLES)]
pub struct UpdateArgs {
    /// Name of the ImageUpdateAutomation
    name: String,
    /// GitRepository to write to
    #[arg(long)]
    git_repo_ref: String,
    /// Its namespace; by default that of the ImageUpdateAutomation
    #[arg(long, default_value = "")]
    git_repo_namespace: String,
    /// Folder to update; by default all
    #[arg(long, default_value = "")]
    git_repo_path: String,
    /// Branch to start from; by default what the GitRepository says
    #[arg(long, default_value = "")]
    checkout_branch: String,
    /// Branch to push to; by default the one that was started from
    #[arg(long, default_value = "")]
    push_branch: String,
    /// Template of the commit's message
    #[arg(long, default_value = "")]
    commit_template: String,
    /// Name of the commit's author
    #[arg(long)]
    author_name: String,
    /// Address of the commit's author
    #[arg(long)]
    author_email: String,
    /// Secret with the key that signs commits
    #[arg(long, default_value = "")]
    signing_key_secret: String,
    /// What key that is
    #[arg(long, requires = "signing_key_secret", value_parser = ["gpg", "ssh"])]
    signing_key_type: Option<String>,
}

impl UpdateArgs {
    fn object(&self, namespace: &str, interval: &str) -> Value {
        let mut source = json!({"kind": "GitRepository", "name": self.git_repo_ref});
        if !self.git_repo_namespace.is_empty() {
            source["namespace"] = self.git_repo_namespace.as_str().into();
        }
        let mut commit = json!({"author": {"email": self.author_email, "name": self.author_name}});
        if !self.commit_template.is_empty() {
            commit["messageTemplate"] = self.commit_template.as_str().into();
        }
        if !self.signing_key_secret.is_empty() {
            commit["signingKey"] = json!({"secretRef": {"name": self.signing_key_secret}});
            if let Some(kind) = &self.signing_key_type {
                commit["signingKey"]["type"] = kind.as_str().into();
            }
        }
        let mut git = json!({"commit": commit});
        if !self.checkout_branch.is_empty() {
            git["checkout"] = json!({"ref": {"branch": self.checkout_branch}});
        }
        if !self.push_branch.is_empty() {
            git["push"] = json!({"branch": self.push_branch});
        }
        let mut update = json!({"strategy": "Setters"});
        if !self.git_repo_path.is_empty() {
            update["path"] = self.git_repo_path.as_str().into();
        }
        let spec = Map::from_iter([
            ("sourceRef".to_owned(), source),
            ("interval".to_owned(), json!(interval)),
            ("git".to_owned(), git),
            ("update".to_owned(), update),
        ]);
        super::object(kinds::IMAGE_UPDATE.api_version, "ImageUpdateAutomation", namespace, &self.name, spec)
    }
}

fn reference(name: &str) -> Value {
    if name.is_empty() { Value::Null } else { json!({"name": name}) }
}
