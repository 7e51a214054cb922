//! Gitea and Forgejo.

use http::Method;
use serde_json::{Value, json};
use sluice_http::{Secret, Url};

use super::address::{join, repository};
use super::{comment, status};
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, Stage, accepted};
use crate::provider::target::Target;

struct Gitea {
    api: Url,
    owner: String,
    name: String,
    token: Secret,
}

impl Gitea {
    /// The client asks for the server's version first, as Gitea's own does.
    async fn new<E: Exchange>(target: &Target, exchange: &E) -> Result<Gitea, Failure> {
        let token = if target.token.expose().is_empty() { &target.password } else { &target.token };
        if token.expose().is_empty() {
            return Err(Failure::setup("a provider of type `gitea` needs a Secret with the key `token` or `password`"));
        }
        let repository = repository(target.address.expose())?;
        let (owner, name) = repository.owner_and_name()?;
        let api = join(&repository.base, &["api", "v1"]);
        let gitea = Gitea { api, owner: owner.to_owned(), name: name.to_owned(), token: token.clone() };
        let version = gitea.request(Method::GET, &["version"])?;
        accepted(exchange, version).await.map_err(|failure| Failure { stage: Stage::Setup, ..failure })?;
        Ok(gitea)
    }

    fn request(&self, method: Method, parts: &[&str]) -> Result<Request, Failure> {
        let token = format!("token {}", self.token.expose());
        Request::new(method, join(&self.api, parts)).secret_header("authorization", &token)
    }

    fn repository(&self, method: Method, parts: &[&str]) -> Result<Request, Failure> {
        self.request(method, &[&["repos", self.owner.as_str(), &self.name], parts].concat())
    }
}

async fn json<E: Exchange>(exchange: &E, request: Request) -> Result<Value, Failure> {
    let answer = accepted(exchange, request).await?;
    serde_json::from_slice(&answer.body).map_err(|_| Failure::send("the answer of Gitea is no JSON").soon())
}

/// Sets the status of a commit, unless its newest is the same. What is under way is pending.
pub async fn status<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let context = status::status_id(target, event)?;
    let gitea = Gitea::new(target, exchange).await?;
    let sha = status::commit(event)?;
    let state = match (event.is_error(), event.is_progressing()) {
        (_, true) => "pending",
        (true, false) => "failure",
        (false, false) => "success",
    };
    let description = status::words(&event.reason);
    let list = gitea.repository(Method::GET, &["commits", sha, "statuses"])?;
    let mut list = list.header("content-type", "application/json");
    list.url.query_pairs_mut().append_pair("limit", "50").append_pair("page", "1");
    let statuses = json(exchange, list).await?;
    let newest = statuses.as_array().into_iter().flatten().find(|it| it["context"] == context.as_str());
    if newest.is_some_and(|it| it["status"] == state && it["description"] == description.as_str()) {
        return Ok(());
    }
    let payload = json!({"state": state, "target_url": "", "description": description, "context": context});
    let post = gitea.repository(Method::POST, &["statuses", sha])?.with_json(&payload);
    accepted(exchange, post).await.map(drop)
}

/// Comments on a pull request, or edits the comment that is there.
pub async fn comment<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let gitea = Gitea::new(target, exchange).await?;
    let number = comment::number(event)?.to_string();
    let me = json(exchange, gitea.request(Method::GET, &["user"])?).await?;
    let mut list = gitea.repository(Method::GET, &["issues", &number, "comments"])?;
    list.url.query_pairs_mut().append_pair("limit", "100").append_pair("page", "1");
    let comments = json(exchange, list).await?;
    let marker = comment::marker(target, event, "flux-pr-comment-key");
    let payload = json!({"body": comment::body(&marker, event)});
    let request = match comment::find(&comments, &marker, "/user/id", &me["id"]) {
        Some(id) => gitea.repository(Method::PATCH, &["issues", "comments", &id.to_string()])?,
        None => gitea.repository(Method::POST, &["issues", &number, "comments"])?,
    };
    accepted(exchange, request.with_json(&payload)).await.map(drop)
}
