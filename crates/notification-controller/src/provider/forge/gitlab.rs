//! GitLab, at gitlab.com or elsewhere; projects may lie in groups of groups.

use http::Method;
use serde_json::{Value, json};
use sluice_http::{Secret, Url};

use super::address::{join, repository};
use super::{comment, status};
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};
use crate::provider::target::Target;

struct GitLab {
    api: Url,
    project: String,
    token: Secret,
}

impl GitLab {
    fn new(target: &Target) -> Result<GitLab, Failure> {
        let token = if target.token.expose().is_empty() { &target.password } else { &target.token };
        if token.expose().is_empty() {
            return Err(Failure::setup(
                "a provider of type `gitlab` needs a Secret with the key `token` or `password`",
            ));
        }
        let repository = repository(target.address.expose())?;
        Ok(GitLab { api: join(&repository.base, &["api", "v4"]), project: repository.id, token: token.clone() })
    }

    fn request(&self, method: Method, parts: &[&str]) -> Result<Request, Failure> {
        let request = Request::new(method, join(&self.api, parts));
        Ok(request.secret_header("private-token", self.token.expose())?.header("accept", "application/json"))
    }
}

async fn json<E: Exchange>(exchange: &E, request: Request) -> Result<Value, Failure> {
    let answer = accepted(exchange, request).await?;
    serde_json::from_slice(&answer.body).map_err(|_| Failure::send("the answer of GitLab is no JSON").soon())
}

/// Sets the status of a commit, unless it is the same.
pub async fn status<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let name = status::status_id(target, event)?;
    let gitlab = GitLab::new(target)?;
    if event.is_progressing() {
        return Ok(());
    }
    let sha = status::commit(event)?;
    let state = if event.is_error() { "failed" } else { "success" };
    let description = status::words(&event.reason);
    let parts = ["projects", &gitlab.project, "repository", "commits", sha, "statuses"];
    let mut list = gitlab.request(Method::GET, &parts)?;
    list.url.query_pairs_mut().append_pair("name", &name);
    let statuses = json(exchange, list).await?;
    let known = statuses.as_array().into_iter().flatten().find(|it| it["name"] == name.as_str());
    if known.is_some_and(|it| it["status"] == state && it["description"] == description.as_str()) {
        return Ok(());
    }
    let payload = json!({"state": state, "name": name, "description": description});
    let post = gitlab.request(Method::POST, &["projects", &gitlab.project, "statuses", sha])?;
    accepted(exchange, post.with_json(&payload)).await.map(drop)
}

/// Comments on a merge request, or edits the comment that is there.
pub async fn comment<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let gitlab = GitLab::new(target)?;
    let number = comment::number(event)?.to_string();
    let me = json(exchange, gitlab.request(Method::GET, &["user"])?).await?;
    let notes = ["projects", &gitlab.project, "merge_requests", &number, "notes"];
    let mut list = gitlab.request(Method::GET, &notes)?;
    list.url
        .query_pairs_mut()
        .append_pair("order_by", "created_at")
        .append_pair("sort", "asc")
        .append_pair("per_page", "100");
    let comments = json(exchange, list).await?;
    let marker = comment::marker(target, event, "flux-mr-comment-key");
    let payload = json!({"body": comment::body(&marker, event)});
    let request = match comment::find(&comments, &marker, "/author/id", &me["id"]) {
        Some(id) => gitlab.request(Method::PUT, &[&notes[..], &[&id.to_string()]].concat())?,
        None => gitlab.request(Method::POST, &notes)?,
    };
    accepted(exchange, request.with_json(&payload)).await.map(drop)
}
