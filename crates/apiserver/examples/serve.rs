//! A server from the command line, for trying things out.

use std::net::SocketAddr;
use std::path::PathBuf;

use sluice_apiserver::{Config, User, start};

const USAGE: &str = "serve [--listen ADDRESS:PORT] [--kubeconfig-out FILE] [--data-dir DIR] [--audit-log FILE] \
                     [--token FILE] [--no-simulate]\n\nThe token file has lines TOKEN,USER,\"GROUP,GROUP\".";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 6443)), ..Config::default() };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{flag} needs a value\n{USAGE}"));
        match flag.as_str() {
            "--listen" => config.listen = value()?.parse()?,
            "--kubeconfig-out" => config.kubeconfig_out = Some(PathBuf::from(value()?)),
            "--data-dir" => config.data_dir = Some(PathBuf::from(value()?)),
            "--audit-log" => config.audit_log = Some(PathBuf::from(value()?)),
            "--token" => config.users.extend(read_tokens(&value()?)?),
            "--no-simulate" => config.simulate = false,
            _ => return Err(format!("unknown flag {flag}\n{USAGE}").into()),
        }
    }
    let started = std::time::Instant::now();
    let server = start(config).await?;
    let took = started.elapsed().as_millis();
    #[allow(clippy::print_stderr, reason = "an example talks to its user")]
    {
        eprintln!("{} ready in {took} ms", server.url());
    }
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}

fn read_tokens(path: &str) -> Result<Vec<User>, std::io::Error> {
    let text = std::fs::read_to_string(path)?;
    let users = text.lines().filter(|line| !line.trim().is_empty()).filter_map(|line| {
        let mut parts = line.splitn(3, ',');
        let (token, name) = (parts.next()?, parts.next()?);
        let groups = parts.next().unwrap_or_default().trim_matches('"');
        Some(User {
            name: name.to_owned(),
            token: token.to_owned(),
            groups: groups.split(',').filter(|g| !g.is_empty()).map(str::to_owned).collect(),
        })
    });
    Ok(users.collect())
}
