//! `sluice apiserver`: the embedded control plane on its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use sluice_apiserver::{Clock, Config, Faults, Rule, Scenario, Server, Simulation, User, start};

use crate::cluster::{Cluster, MANAGER};
use crate::dev;
use crate::output::{self, talk};

const EXAMPLES: &str = "\
Examples:
  # A control plane for kubectl
  sluice apiserver --kubeconfig-out kubeconfig
  KUBECONFIG=kubeconfig kubectl get namespaces

  # For controllers that run beside it, each as a user of its own, with every request on record
  sluice apiserver --crds --audit-log audit.log \\
    --user-kubeconfig source-controller=source.kubeconfig --user-kubeconfig kustomize-controller=kustomize.kubeconfig

  # A bad day: one write in ten conflicts, answers are late, watches end after five seconds
  sluice apiserver --kubeconfig-out kubeconfig --fault-seed 7 --fault 'code=409 verb=update,patch rate=0.1' \\
    --fault 'delay=5ms..200ms' --fault 'watch=gone open=5s'

  # Kept on disk, and carried elsewhere
  sluice apiserver --data-dir ./state --listen 127.0.0.1:6443
  sluice apiserver dump --data-dir ./state > state.yaml
  sluice apiserver --load state.yaml --kubeconfig-out kubeconfig

Serves until Ctrl-C. No nodes: workloads are simulated and become ready within about a second. /metrics needs the
kubeconfig's credentials, as the API does.";

/// Run the embedded Kubernetes API server
///
/// A stand-in for envtest or kind in tests: one process, ready in less than 50 ms, nothing to install.
#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct ApiserverArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// Begin with the objects of this YAML or JSON file, or folder of such, as they are; may be repeated
    #[arg(long = "load", value_name = "FILE|FOLDER")]
    loads: Vec<PathBuf>,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Further names or addresses of the server, for its certificate; the first goes into kubeconfigs
    #[arg(long = "name")]
    names: Vec<String>,
    /// Write the administrator's kubeconfig to this file
    #[arg(long)]
    kubeconfig_out: Option<PathBuf>,
    /// Make a user with every right and write its kubeconfig, as NAME=FILE; may be repeated
    #[arg(long, value_name = "NAME=FILE")]
    user_kubeconfig: Vec<String>,
    /// File of users, with lines TOKEN,USER,UID,"GROUP,GROUP"
    #[arg(long)]
    token_auth_file: Option<PathBuf>,
    /// Keep objects and keys in this folder, rather than in memory
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Append a line for each request to this file
    #[arg(long)]
    audit_log: Option<PathBuf>,
    /// Write the server's address to this file once it answers
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// Install the definitions of Flux's kinds
    #[arg(long)]
    crds: bool,
    /// Strike requests with a fault, as in "code=429 verb=patch rate=0.1"; may be repeated (docs/apiserver.md)
    #[arg(long = "fault", value_name = "RULE")]
    faults: Vec<Rule>,
    /// Draws the chances of --fault; the same requests then meet the same faults
    #[arg(long, default_value_t = 0)]
    fault_seed: u64,
    /// Leave workloads as they are written
    #[arg(long)]
    no_simulate: bool,
    /// Tell workloads what becomes of them by the rules of this YAML file (docs/simulator.md)
    #[arg(long, value_name = "FILE", conflicts_with = "no_simulate")]
    scenario: Option<PathBuf>,
    /// Stop the clock of workloads at this time; POST /sluice/clock turns it (docs/simulator.md)
    #[arg(long, value_name = "TIME")]
    clock: Option<jiff::Timestamp>,
}

#[derive(Subcommand)]
enum Action {
    /// Print all objects of a data folder as YAML, Secrets included; no server may be running on it
    Dump {
        /// The folder that --data-dir named
        #[arg(long)]
        data_dir: PathBuf,
    },
    /// Write objects into a data folder as they are, with uids, times, status and managedFields
    ///
    /// Takes what `dump` printed and what `kubectl get -o yaml` prints of any cluster.
    Load {
        /// The folder that --data-dir will name
        #[arg(long)]
        data_dir: PathBuf,
        /// YAML or JSON files, or folders of such
        #[arg(required = true, value_name = "FILE|FOLDER")]
        paths: Vec<PathBuf>,
    },
}

/// Runs the command.
///
/// # Errors
/// When the server cannot start.
pub async fn run(args: ApiserverArgs) -> anyhow::Result<ExitCode> {
    match args.action {
        Some(Action::Dump { data_dir }) => return dump(data_dir).await,
        Some(Action::Load { data_dir, paths }) => return load(data_dir, &paths).await,
        None => {}
    }
    let mut users = match &args.token_auth_file {
        Some(path) => read_tokens(path)?,
        None => Vec::new(),
    };
    let mut written = Vec::new();
    for entry in &args.user_kubeconfig {
        let Some((name, file)) = entry.split_once('=').filter(|it| !it.0.is_empty() && !it.1.is_empty()) else {
            bail!("--user-kubeconfig: `{entry}` is none; write NAME=FILE");
        };
        let user = admin(name);
        written.push((user.clone(), PathBuf::from(file)));
        users.push(user);
    }
    let faults = Faults::seeded(args.fault_seed);
    for rule in args.faults {
        faults.add(rule);
    }
    let mut simulation = Simulation::default();
    if let Some(path) = &args.scenario {
        let about = || format!("--scenario {}", path.display());
        let text = fs::read_to_string(path).with_context(about)?;
        simulation.scenario = Scenario::parse(&text).with_context(about)?;
    }
    let server = start(Config {
        faults,
        simulation,
        clock: args.clock.map(Clock::stopped).unwrap_or_default(),
        listen: args.listen,
        names: args.names,
        data_dir: args.data_dir,
        users,
        audit_log: args.audit_log,
        kubeconfig_out: args.kubeconfig_out.clone(),
        simulate: !args.no_simulate,
        ..Config::default()
    })
    .await?;
    for (user, file) in &written {
        write_secret(file, &server.kubeconfig_for(&user.name, &user.token))?;
    }
    load_into(&server, &args.loads)?;
    if args.crds {
        let cluster = Cluster::of_config(dev::config_of(server.kubeconfig()).await?, "flux-system")?;
        cluster.apply_all(&dev::definitions()?, MANAGER).await?;
    }
    if let Some(path) = &args.ready_file {
        fs::write(path, format!("{}\n", server.url())).with_context(|| format!("--ready-file {}", path.display()))?;
    }
    talk::success(&format!("serving on {}", server.url()));
    match &args.kubeconfig_out {
        Some(path) => talk::plain(&format!("  export KUBECONFIG={}", path.display())),
        None => output::data(server.kubeconfig())?,
    }
    dev::interrupted().await;
    server.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// A server on a data folder in which nothing happens by itself.
async fn still(data_dir: PathBuf) -> anyhow::Result<Server> {
    let config = Config { data_dir: Some(data_dir), controllers: false, simulate: false, ..Config::default() };
    Ok(start(config).await?)
}

async fn dump(data_dir: PathBuf) -> anyhow::Result<ExitCode> {
    if !data_dir.is_dir() {
        bail!("--data-dir {}: no such folder", data_dir.display());
    }
    let server = still(data_dir).await?;
    output::data(&sluice_yaml::emit_all(&server.local().dump())?)?;
    server.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

async fn load(data_dir: PathBuf, paths: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let server = still(data_dir).await?;
    let count = load_into(&server, paths)?;
    server.shutdown().await;
    talk::success(&format!("{count} objects loaded"));
    Ok(ExitCode::SUCCESS)
}

fn load_into(server: &Server, paths: &[PathBuf]) -> anyhow::Result<usize> {
    let mut objects = Vec::new();
    for path in paths {
        read_objects(path, &mut objects).with_context(|| format!("`{}`", path.display()))?;
    }
    Ok(server.local().load(objects)?)
}

/// The objects of a file, or of all YAML and JSON files below a folder, in the order of their names.
fn read_objects(path: &Path, out: &mut Vec<Value>) -> anyhow::Result<()> {
    if path.is_dir() {
        let entries: Result<Vec<_>, _> = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut entries = entries?;
        entries.sort();
        let wanted = |path: &PathBuf| {
            let kind = path.extension().and_then(|kind| kind.to_str());
            path.is_dir() && !path.is_symlink() || matches!(kind, Some("yaml" | "yml" | "json"))
        };
        return entries.iter().filter(|path| wanted(path)).try_for_each(|path| read_objects(path, out));
    }
    let text = fs::read_to_string(path)?;
    // A whole cluster may be in it.
    let limits = sluice_yaml::Limits { bytes: 1 << 30, nodes: 50_000_000, documents: 1_000_000, ..Default::default() };
    let documents = sluice_yaml::parse_all(&text, sluice_yaml::Dialect::V2, &limits);
    let documents = documents.with_context(|| path.display().to_string())?;
    out.extend(documents.into_iter().map(|document| document.value));
    Ok(())
}

/// A user with every right, and a token that nobody can guess.
pub fn admin(name: &str) -> User {
    let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    User { name: name.to_owned(), groups: vec!["system:masters".to_owned()], token }
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// When it cannot be written.
pub fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let doing = || format!("`{}`", path.display());
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).with_context(doing)?;
    // It may have been there, readable for others.
    file.set_permissions(fs::Permissions::from_mode(0o600)).with_context(doing)?;
    file.write_all(text.as_bytes()).with_context(doing)
}

/// kube-apiserver's format: token, user, uid, optional quoted groups.
fn read_tokens(path: &Path) -> anyhow::Result<Vec<User>> {
    let text = fs::read_to_string(path).with_context(|| format!("--token-auth-file {}", path.display()))?;
    let mut users = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let user = token_line(line);
        users.push(
            user.with_context(|| format!("{}:{}: write TOKEN,USER,UID,\"GROUP,GROUP\"", path.display(), index + 1))?,
        );
    }
    Ok(users)
}

fn token_line(line: &str) -> Option<User> {
    let mut parts = line.trim().splitn(4, ',');
    let (token, name) = (parts.next()?, parts.next()?);
    let _uid = parts.next();
    let groups = parts.next().unwrap_or_default().trim_matches('"');
    (!token.is_empty() && !name.is_empty()).then(|| User {
        name: name.to_owned(),
        token: token.to_owned(),
        groups: groups.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_tokens_names_a_user() {
        let user = token_line("s3cr3t,alice,1,\"a,b\"").unwrap();
        assert_eq!(
            (user.name.as_str(), user.token.as_str(), user.groups),
            ("alice", "s3cr3t", vec!["a".to_owned(), "b".to_owned()])
        );
        assert!(token_line("s3cr3t,bob,2").unwrap().groups.is_empty());
        assert!(token_line("alone").is_none() && token_line(",x,1").is_none());
    }
}
