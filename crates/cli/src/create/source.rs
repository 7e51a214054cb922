//! `sluice create source git`.

use anyhow::bail;
use clap::Args;
use serde_json::{Map, Value, json};

use super::secret;

const EXAMPLES: &str = "\
Examples:
  sluice create source git web-app --url https://git.example.com/org/app --branch main --export";

/// What a GitRepository is made of.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct GitArgs {
    /// Name of the GitRepository
    name: String,
    /// Address of the repository: http, https or ssh
    #[arg(long)]
    url: String,
    /// Branch
    #[arg(long, default_value = "")]
    branch: String,
    /// Tag; wins over a branch
    #[arg(long, default_value = "")]
    tag: String,
    /// Range of versions; wins over a tag
    #[arg(long, default_value = "")]
    tag_semver: String,
    /// Commit; wins over everything
    #[arg(long, default_value = "")]
    commit: String,
    /// Full name of a reference, such as `refs/heads/main`; wins over all but a commit
    #[arg(long, default_value = "")]
    ref_name: String,
    /// User name; makes a Secret
    #[arg(short, long, default_value = "")]
    username: String,
    /// Password or token; makes a Secret
    #[arg(short, long, default_value = "", hide_env_values = true)]
    password: String,
    /// Secret with the credentials
    #[arg(long, default_value = "")]
    secret_ref: String,
    /// Secret with the address of a proxy
    #[arg(long, default_value = "")]
    proxy_secret_ref: String,
    /// Where credentials come from
    #[arg(long, value_parser = ["generic", "azure", "github", "aws"])]
    provider: Option<String>,
    /// Path of a certificate to trust; goes into the Secret
    #[arg(long)]
    ca_file: Option<std::path::PathBuf>,
    /// Path of an SSH key; goes into the Secret
    #[arg(long)]
    private_key_file: Option<std::path::PathBuf>,
    /// Fetch submodules too
    #[arg(long)]
    recurse_submodules: bool,
    /// Patterns to leave out, as in .gitignore
    #[arg(long, value_delimiter = ',')]
    ignore_paths: Vec<String>,
    /// Folders to fetch alone
    #[arg(long, value_delimiter = ',')]
    sparse_checkout_paths: Vec<String>,
    /// Timeout of one fetch
    #[arg(long, default_value = "")]
    fetch_timeout: String,
    /// Accepted for Flux's sake: nothing is asked
    #[arg(short, long)]
    silent: bool,
}

impl GitArgs {
    /// The GitRepository, after the Secret where the flags make one.
    ///
    /// # Errors
    /// When no reference is named, or the address is none.
    pub fn objects(&self, namespace: &str, interval: &str) -> anyhow::Result<Vec<Value>> {
        if !["http://", "https://", "ssh://"].iter().any(|it| self.url.starts_with(it)) {
            bail!("--url: `{}` must begin with http://, https:// or ssh://", self.url);
        }
        let references = [
            ("commit", &self.commit),
            ("name", &self.ref_name),
            ("semver", &self.tag_semver),
            ("tag", &self.tag),
            ("branch", &self.branch),
        ];
        let Some((field, value)) = references.into_iter().find(|it| !it.1.is_empty()) else {
            bail!("name what to fetch: --branch, --tag, --tag-semver, --commit or --ref-name");
        };
        let mut reference = json!({field: value});
        // A commit is looked for in its branch first.
        if field == "commit" && !self.branch.is_empty() {
            reference["branch"] = self.branch.as_str().into();
        }
        let mut objects = Vec::new();
        let mut secret_ref = self.secret_ref.clone();
        let credentials = secret::Credentials {
            username: &self.username,
            password: &self.password,
            bearer_token: "",
            private_key_file: self.private_key_file.as_deref(),
            known_hosts_file: None,
            ca_file: self.ca_file.as_deref(),
        };
        if secret_ref.is_empty() && credentials.are_given() {
            objects.push(secret::git(&self.name, namespace, &self.url, &credentials)?);
            secret_ref.clone_from(&self.name);
        }
        let named = |name: &str| if name.is_empty() { Value::Null } else { json!({"name": name}) };
        let spec = Map::from_iter([
            ("url".to_owned(), json!(self.url)),
            ("interval".to_owned(), json!(interval)),
            ("ref".to_owned(), reference),
            ("secretRef".to_owned(), named(&secret_ref)),
            ("proxySecretRef".to_owned(), named(&self.proxy_secret_ref)),
            ("provider".to_owned(), json!(self.provider)),
            ("recurseSubmodules".to_owned(), json!(self.recurse_submodules)),
            ("ignore".to_owned(), json!(self.ignore_paths.join("\n"))),
            ("sparseCheckout".to_owned(), json!(self.sparse_checkout_paths)),
            ("timeout".to_owned(), json!(self.fetch_timeout)),
        ]);
        objects.push(super::object("source.toolkit.fluxcd.io/v1", "GitRepository", namespace, &self.name, spec));
        Ok(objects)
    }
}
