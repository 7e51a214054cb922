//! GitHub, at github.com or elsewhere.

use http::Method;
use serde_json::{Value, json};
use sluice_http::Url;

use super::address::{Repository, join, repository};
use super::{app, comment, status};
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};
use crate::provider::target::Target;

/// A repository at GitHub, before anybody has signed in.
struct Place {
    api: Url,
    owner: String,
    name: String,
    credentials: app::Credentials,
}

struct GitHub<'a, E> {
    api: Url,
    owner: String,
    name: String,
    access: app::Access,
    exchange: &'a E,
}

impl Place {
    fn of(target: &Target) -> Result<Place, Failure> {
        let credentials = app::Credentials::of(target)?;
        let repository = repository(target.address.expose())?;
        let (owner, name) = repository.owner_and_name()?;
        Ok(Place { api: api(&repository)?, owner: owner.to_owned(), name: name.to_owned(), credentials })
    }

    async fn enter<E: Exchange>(self, exchange: &E) -> Result<GitHub<'_, E>, Failure> {
        let Place { api, owner, name, credentials } = self;
        let access = credentials.access(&api, exchange).await?;
        Ok(GitHub { api, owner, name, access, exchange })
    }
}

/// Where the API of a host is.
fn api(repository: &Repository) -> Result<Url, Failure> {
    if repository.base.host_str() == Some("github.com") {
        return Url::parse("https://api.github.com").map_err(|_| Failure::setup("the address is no URL"));
    }
    Ok(join(&repository.base, &["api", "v3"]))
}

impl<E: Exchange> GitHub<'_, E> {
    fn request(&self, method: Method, parts: &[&str]) -> Result<Request, Failure> {
        let path = [&["repos", &self.owner, &self.name], parts].concat();
        self.access.request(method, join(&self.api, &path))
    }

    async fn json(&self, request: Request) -> Result<Value, Failure> {
        let answer = accepted(self.exchange, request).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Failure::send("the answer of GitHub is no JSON").soon())
    }
}

/// Sets the status of a commit, unless its newest is the same.
pub async fn status<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let context = status::status_id(target, event)?;
    let place = Place::of(target)?;
    if event.is_progressing() {
        return Ok(());
    }
    let sha = status::commit(event)?;
    let github = place.enter(exchange).await?;
    let state = if event.is_error() { "failure" } else { "success" };
    let description = status::words(&event.reason);
    let mut list = github.request(Method::GET, &["commits", sha, "statuses"])?;
    list.url.query_pairs_mut().append_pair("per_page", "50");
    let statuses = github.json(list).await?;
    let newest = statuses.as_array().into_iter().flatten().find(|it| it["context"] == context.as_str());
    if newest.is_some_and(|it| it["state"] == state && it["description"] == description.as_str()) {
        return Ok(());
    }
    let payload = json!({"state": state, "context": context, "description": description});
    let post = github.request(Method::POST, &["statuses", sha])?.with_json(&payload);
    accepted(exchange, post).await.map(drop)
}

/// Starts workflows that wait for `repository_dispatch`.
pub async fn dispatch<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let github = Place::of(target)?.enter(exchange).await?;
    let object = &event.involved_object;
    let kind = format!("{}/{}.{}", object.kind, object.name, object.namespace);
    let payload = json!({"event_type": kind, "client_payload": event});
    accepted(exchange, github.request(Method::POST, &["dispatches"])?.with_json(&payload)).await.map(drop)
}

/// Comments on a pull request, or edits the comment that is there.
pub async fn comment<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let github = Place::of(target)?.enter(exchange).await?;
    let number = comment::number(event)?.to_string();
    let author = match &github.access.author {
        Some(author) => json!(author),
        None => {
            let me = github.access.request(Method::GET, join(&github.api, &["user"]))?;
            github.json(me).await?["login"].clone()
        }
    };
    let mut list = github.request(Method::GET, &["issues", &number, "comments"])?;
    list.url
        .query_pairs_mut()
        .append_pair("sort", "created")
        .append_pair("direction", "asc")
        .append_pair("per_page", "100");
    let list = list.header("accept", "application/vnd.github.squirrel-girl-preview");
    let comments = github.json(list).await?;
    let marker = comment::marker(target, event, "flux-pr-comment-key");
    let payload = json!({"body": comment::body(&marker, event)});
    let request = match comment::find(&comments, &marker, "/user/login", &author) {
        Some(id) => github.request(Method::PATCH, &["issues", "comments", &id.to_string()])?,
        None => github.request(Method::POST, &["issues", &number, "comments"])?,
    };
    accepted(exchange, request.with_json(&payload)).await.map(drop)
}
