//! Bitbucket: the cloud, and one's own server.

use aws_lc_rs::digest;
use http::Method;
use serde_json::{Value, json};
use sluice_http::{Secret, Url};

use super::address::{join, repository};
use super::status;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted, refused};
use crate::provider::target::Target;

/// Bitbucket keeps keys short, so they are digests of the status's name.
fn key(target: &Target, event: &Event) -> Result<String, Failure> {
    let id = status::status_id(target, event)?;
    Ok(hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, id.as_bytes())))
}

fn state(event: &Event) -> &'static str {
    if event.is_error() { "FAILED" } else { "SUCCESSFUL" }
}

/// Whether the status that is looked up says the same already; one that is not there does not.
async fn is_known<E: Exchange>(exchange: &E, get: Request, payload: &Value) -> Result<bool, Failure> {
    let answer = exchange.http(get).await?;
    match answer.status {
        404 => return Ok(false),
        200..300 => {}
        _ => return Err(refused(&answer)),
    }
    let known: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(["state", "description", "name"].iter().all(|field| known[*field] == payload[*field]))
}

/// Sets the status of a commit at bitbucket.org.
pub async fn cloud<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let key = key(target, event)?;
    let token = target.needs_token()?;
    let wrong = || Failure::setup("`token` of the Secret is written `<user>:<app password>` for Bitbucket");
    let (user, password) = token.expose().split_once(':').ok_or_else(wrong)?;
    let (user, password) = (user, Secret::from(password));
    let repository = repository(target.address.expose())?;
    let (owner, name) = repository.owner_and_name()?;
    if event.is_progressing() {
        return Ok(());
    }
    let sha = status::commit(event)?;
    let payload = json!({
        "state": state(event), "key": key, "name": status::name(event), "url": "https://bitbucket.org",
        "description": status::words(&event.reason),
    });
    let api = Url::parse("https://api.bitbucket.org/2.0").map_err(|_| Failure::setup("the address is no URL"))?;
    let builds = join(&api, &["repositories", owner, name, "commit", sha, "statuses", "build"]);
    let get = Request::new(Method::GET, join(&builds, &[&key])).basic(user, &password)?;
    if is_known(exchange, get, &payload).await? {
        return Ok(());
    }
    accepted(exchange, Request::json(builds, &payload).basic(user, &password)?).await.map(drop)
}

/// Sets the status of a commit at a server of one's own.
pub async fn server<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let key = key(target, event)?;
    let address = target.address.expose();
    let wrong = || {
        Failure::setup("the address is no http(s) clone URL of Bitbucket Server (`https://host/scm/PROJECT/name.git`)")
    };
    let url = Url::parse(address).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    let path = url.path().trim_end_matches(".git");
    let (context, rest) = path.rsplit_once("/scm/").ok_or_else(wrong)?;
    let (project, name) = rest.split_once('/').filter(|(_, name)| !name.contains('/')).ok_or_else(wrong)?;
    let sign = |request: Request| match target.token.expose() {
        "" if target.username.is_empty() || target.password.expose().is_empty() => Err(Failure::setup(
            "a provider of type `bitbucketserver` needs a Secret with `token`, or `username` and `password`",
        )),
        "" => request.basic(&target.username, &target.password),
        _ => request.bearer(&target.token),
    };
    if event.is_progressing() {
        return Ok(());
    }
    let sha = status::commit(event)?;
    let description = status::words(&event.reason);
    let payload = json!({
        "state": state(event), "key": key, "name": format!("{} [{description}]", status::name(event)),
        "url": address, "description": description,
    });
    let mut base = url.clone();
    base.set_query(None);
    // The address may hold credentials that are for Git alone.
    let _ = base.set_username("");
    let _ = base.set_password(None);
    base.set_path(context);
    let builds = join(&base, &["rest", "api", "latest", "projects", project, "repos", name, "commits", sha, "builds"]);
    let mut get = Request::new(Method::GET, builds.clone()).header("x-atlassian-token", "no-check");
    get.url.query_pairs_mut().append_pair("key", &key);
    if is_known(exchange, sign(get)?, &payload).await? {
        return Ok(());
    }
    let post = Request::json(builds, &payload).header("x-atlassian-token", "no-check");
    accepted(exchange, sign(post)?).await.map(drop)
}
