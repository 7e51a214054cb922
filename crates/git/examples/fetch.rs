//! Fetches a branch, and tells what it cost: `cargo run --release --example fetch -- URL [BRANCH] [TIMES]`.

use sluice_git::{Access, Client, Config, FetchOptions, Reference};
use std::time::{Duration, Instant};

#[expect(clippy::print_stdout, reason = "a program's output")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: fetch URL [BRANCH] [TIMES]")?;
    let branch = args.next().unwrap_or_else(|| "main".into());
    let times: u32 = args.next().map_or(Ok(1), |it| it.parse())?;
    let client = Client::new(Config { files: true, listing_window: Duration::ZERO, ..Config::default() });
    let remote = client.remote(&url, Access::default(), Duration::from_secs(60))?;
    for _ in 0..times {
        let started = Instant::now();
        let fetched = remote.fetch(&Reference::Branch(branch.clone()), &FetchOptions::default()).await?;
        let elapsed = started.elapsed();
        println!("{} {} entries, {elapsed:?}", fetched.resolved.revision(), fetched.tree.len());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    println!("{}", status.lines().find(|it| it.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}
