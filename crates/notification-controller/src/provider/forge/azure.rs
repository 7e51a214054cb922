//! Azure DevOps.

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use sluice_http::{Secret, Url};

use super::address::{join, repository};
use super::status;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, Stage, accepted};
use crate::provider::target::Target;

/// Azure DevOps, as Azure's identities know it.
const RESOURCE: &str = "499b84ac-1321-427f-aa17-267ca6975798";
/// Where a machine in Azure asks for its own identity.
const IDENTITY: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

enum Access {
    Pat(Secret),
    Identity(Secret),
}

impl Access {
    fn sign(&self, request: Request) -> Result<Request, Failure> {
        match self {
            Access::Pat(token) => request.basic("", token),
            Access::Identity(token) => request.bearer(token),
        }
    }
}

async fn access<E: Exchange>(target: &Target, exchange: &E) -> Result<Access, Failure> {
    if !target.token.expose().is_empty() {
        return Ok(Access::Pat(target.token.clone()));
    }
    let mut url = Url::parse(IDENTITY).map_err(|_| Failure::setup("the address is no URL"))?;
    url.query_pairs_mut().append_pair("api-version", "2018-02-01").append_pair("resource", RESOURCE);
    let request = Request::new(Method::GET, url).header("metadata", "true");
    let setup = |failure: Failure| Failure {
        stage: Stage::Setup,
        message: format!("no `token` in a Secret, and no identity of this machine: {}", failure.message),
        ..failure
    };
    let answer = accepted(exchange, request).await.map_err(setup)?;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = said["access_token"].as_str().map(Secret::from);
    token.map(Access::Identity).ok_or_else(|| setup(Failure::send("the answer has no token")))
}

/// Sets the status of a commit, unless it is the same.
pub async fn status<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let id = status::status_id(target, event)?;
    let access = access(target, exchange).await?;
    let repository = repository(target.address.expose())?;
    let parts: Vec<&str> = repository.id.split('/').collect();
    let [organisation, project, "_git", name] = parts[..] else {
        return Err(Failure::setup(
            "the address is written `https://dev.azure.com/<organisation>/<project>/_git/<name>`",
        ));
    };
    if event.is_progressing() {
        return Ok(());
    }
    let sha = status::commit(event)?;
    let genre = match event.metadata.get("summary") {
        Some(summary) => format!("fluxcd:{summary}"),
        None => "fluxcd".to_owned(),
    };
    let payload = json!({
        "state": if event.is_error() { "error" } else { "succeeded" },
        "description": status::words(&event.reason),
        "context": {"genre": genre, "name": id},
    });
    let statuses = join(
        &repository.base,
        &[organisation, project, "_apis", "git", "repositories", name, "commits", sha, "statuses"],
    );
    let media = "application/json;api-version=6.0";
    let list = access.sign(Request::new(Method::GET, statuses.clone()).header("accept", media))?;
    let answer = accepted(exchange, list).await?;
    let known: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let same = |it: &Value| {
        ["state", "description"].iter().all(|field| it[*field] == payload[*field])
            && ["genre", "name"].iter().all(|field| it["context"][*field] == payload["context"][*field])
    };
    if known["value"].as_array().is_some_and(|it| it.iter().any(same)) {
        return Ok(());
    }
    let mut post = Request::json(statuses, &payload).header("accept", media);
    post.headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json;charset=utf-8"));
    accepted(exchange, access.sign(post)?).await.map(drop)
}
