//! One request from its head to its answer: who, what, whether, then the verb.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::audit::Entry;
use crate::auth::{self, Identity, Impersonation};
use crate::core::{Context, Core};
use crate::error::ApiError;
use crate::faults::{self, Cut, Fault};
use crate::kinds::Served;
use crate::negotiate::Form;
use crate::rbac::{self, Attributes};
use crate::request::{OptionsKind, Query, Request, WriteOptions};
use crate::respond::{self, Body, Reply, include_object};
use crate::rest::body::{self as bodies, Media};
use crate::rest::{self, DeleteOptions, ListOptions, Outcome, PatchKind, Shown, Target, subresource};
use crate::store::key;
use crate::{discovery, openapi, protobuf, reviews, watch, webhook};

/// Where a connection comes from.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: String,
    /// The user that its client certificate names.
    pub certificate: Option<Arc<Identity>>,
}

/// Everything about a request but its body.
struct Asked<'a> {
    request: &'a Request,
    query: &'a Query,
    headers: &'a HeaderMap,
    method: &'a Method,
    agent: &'a str,
}

/// Answers one request. Errors are answers.
///
/// # Errors
/// Only when the request is to be cut off.
pub async fn handle(
    core: Arc<Core>,
    peer: Peer,
    stop: CancellationToken,
    incoming: http::Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let started = Instant::now();
    let received = jiff::Timestamp::now();
    let id = uuid::Uuid::new_v4().to_string();
    let (head, body) = incoming.into_parts();
    let uri = head.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let request = Request::parse(&head.method, head.uri.path(), &query);
    let agent = head.headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let asked = Asked { request: &request, query: &query, headers: &head.headers, method: &head.method, agent: &agent };
    let mut warnings = Vec::new();
    let (mut user, mut acting, mut allowed) = (Identity::anonymous(), None, false);
    let result = match identify(&core, &peer, &head.headers) {
        Err(error) => Err(error),
        Ok((who, whom)) => {
            user = who;
            acting = whom;
            let identity = acting.as_ref().unwrap_or(&user);
            match authorize(&core, identity, &request) {
                Err(error) => Err(error),
                Ok(()) => {
                    allowed = true;
                    let plan = core.faults.plan(&request, &identity.name, &agent);
                    if !plan.delay.is_zero() {
                        tokio::time::sleep(plan.delay).await;
                    }
                    match plan.fault {
                        Some(Fault::Cut) => return Err(Cut),
                        Some(Fault::Code { code, retry_after }) => Err(faults::refusal(&request, code, retry_after)),
                        fault => {
                            let reply = serve(&core, &asked, identity, body, &stop, &mut warnings).await;
                            spoil(reply, fault)?
                        }
                    }
                }
            }
        }
    };
    let reply = result.unwrap_or_else(|error| failure(&core, &asked, &error));
    let apply = media_of(&head.headers) == "application/apply-patch+yaml";
    let dry_run = query.get("dryRun").is_some_and(|v| !v.is_empty());
    let streams = matches!(reply.body, Body::Stream(_));
    core.metrics.count(&request, apply, dry_run, reply.code, started.elapsed());
    if let Some(audit) = &core.audit {
        audit.write(&Entry {
            request: &request,
            uri: &uri,
            user: &user,
            impersonated: acting.as_ref(),
            source: &peer.address,
            agent: &agent,
            code: reply.code,
            stage: if streams { "ResponseStarted" } else { "ResponseComplete" },
            received,
            id: &id,
            allowed,
        });
    }
    Ok(reply.into_response(&warnings, &id))
}

/// What a fault makes of an answer.
fn spoil(reply: Result<Reply, ApiError>, fault: Option<Fault>) -> Result<Result<Reply, ApiError>, Cut> {
    match (fault, reply) {
        (Some(Fault::Lose), _) => Err(Cut),
        (
            Some(Fault::Watch { end, events, open }),
            Ok(Reply { body: Body::Stream(chunks), code, content_type, headers }),
        ) => {
            let body = Body::Stream(faults::strike_watch(chunks, end, events, open));
            Ok(Ok(Reply { code, content_type, body, headers }))
        }
        (_, reply) => Ok(reply),
    }
}

/// Paths that are no resource and unknown are answered in plain text, as Go's mux does.
fn failure(core: &Core, asked: &Asked<'_>, error: &ApiError) -> Reply {
    if error.code == 404 && error.details.as_ref().is_some_and(|d| **d == crate::error::Details::default()) {
        let group_is_known = asked.request.is_resource
            && core.kinds().all().iter().any(|s| {
                s.custom.is_none() && s.resource.group == asked.request.group && s.version == asked.request.version
            });
        if !group_is_known {
            return Reply::text(404, "404 page not found\n");
        }
    }
    if asked.headers.get(http::header::ACCEPT).and_then(|v| v.to_str().ok()) == Some("application/yaml") {
        return Reply::value(
            error.code,
            Form { encoding: crate::negotiate::Encoding::Yaml, ..Form::JSON },
            &error.to_status(),
        );
    }
    Reply::error(error)
}

fn media_of(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Who asks, and whom it asks as.
fn identify(core: &Core, peer: &Peer, headers: &HeaderMap) -> Result<(Identity, Option<Identity>), ApiError> {
    let user = match auth::bearer(headers) {
        Some(token) => {
            core.tokens.check(token, |claims| reviews::alive(core, claims)).map_err(|_| ApiError::unauthorized())?
        }
        None => match &peer.certificate {
            Some(identity) => Identity::clone(identity),
            None => Identity::anonymous(),
        },
    };
    let Some(wanted) = Impersonation::from_headers(headers)? else { return Ok((user, None)) };
    may_impersonate(core, &user, &wanted)?;
    Ok((user, Some(wanted.identity())))
}

fn may_impersonate(core: &Core, user: &Identity, wanted: &Impersonation) -> Result<(), ApiError> {
    let check = |group: &str, resource: &str, subresource: &str, namespace: &str, name: &str| {
        let attributes = Attributes { verb: "impersonate", group, resource, subresource, namespace, name, path: None };
        match rbac::allowed(core, user, &attributes) {
            true => Ok(()),
            false => Err(rbac::forbidden(user, &attributes)),
        }
    };
    match wanted.user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some((namespace, name)) => check("", "serviceaccounts", "", namespace, name)?,
        None => check("", "users", "", "", &wanted.user)?,
    }
    for group in &wanted.groups {
        check("", "groups", "", "", group)?;
    }
    for (key, values) in &wanted.extra {
        for value in values {
            check("authentication.k8s.io", "userextras", key, "", value)?;
        }
    }
    if !wanted.uid.is_empty() {
        check("authentication.k8s.io", "uids", "", "", &wanted.uid)?;
    }
    Ok(())
}

/// Paths that anyone may read.
const OPEN: &[&str] = &["/healthz", "/livez", "/readyz", "/version", "/version/"];

fn authorize(core: &Core, identity: &Identity, request: &Request) -> Result<(), ApiError> {
    if OPEN.contains(&request.path.as_str()) {
        return Ok(());
    }
    let wanted = match request.is_resource {
        true => Attributes {
            verb: request.verb,
            group: &request.group,
            resource: &request.resource,
            subresource: &request.subresource,
            namespace: &request.namespace,
            name: &request.name,
            path: None,
        },
        false => Attributes { verb: request.verb, path: Some(&request.path), ..Attributes::default() },
    };
    if rbac::allowed(core, identity, &wanted) {
        return Ok(());
    }
    Err(rbac::forbidden(identity, &wanted))
}

async fn read_body(core: &Core, body: Incoming) -> Result<Bytes, ApiError> {
    let limit = core.limits.body_bytes;
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(ApiError {
            code: 413,
            reason: "RequestEntityTooLarge",
            message: format!("Request entity too large: limit is {limit}"),
            details: Some(Box::default()),
        }),
        Err(error) => Err(ApiError::bad_request(format!("cannot read the body: {error}"))),
    }
}

async fn serve(
    core: &Arc<Core>,
    asked: &Asked<'_>,
    identity: &Identity,
    body: Incoming,
    stop: &CancellationToken,
    warnings: &mut Vec<String>,
) -> Result<Reply, ApiError> {
    if asked.request.path == "/sluice/clock" {
        let bytes = if *asked.method == Method::POST { read_body(core, body).await? } else { Bytes::new() };
        return turn_clock(core, asked.method, &bytes);
    }
    if !asked.request.is_resource {
        return path(core, asked);
    }
    let bytes = match *asked.method {
        Method::GET | Method::HEAD => Bytes::new(),
        _ => read_body(core, body).await?,
    };
    if matches!(asked.request.verb, "get" | "list" | "watch") || !webhook::configured(core) {
        return resource(core, asked, identity, &bytes, stop, warnings, None);
    }
    let (reply, told) = beside(core, asked, identity, bytes, stop).await?;
    warnings.extend(told);
    reply
}

/// [`resource`] on a thread that may wait for webhooks, and what the user is warned of.
async fn beside(
    core: &Arc<Core>,
    asked: &Asked<'_>,
    identity: &Identity,
    bytes: Bytes,
    stop: &CancellationToken,
) -> Result<(Result<Reply, ApiError>, Vec<String>), ApiError> {
    let (core, identity, stop) = (core.clone(), identity.clone(), stop.clone());
    let (request, query, headers) = (asked.request.clone(), asked.query.clone(), asked.headers.clone());
    let (method, agent) = (asked.method.clone(), asked.agent.to_owned());
    let calls = tokio::runtime::Handle::current();
    let work = move || {
        let asked = Asked { request: &request, query: &query, headers: &headers, method: &method, agent: &agent };
        let mut told = Vec::new();
        let reply = resource(&core, &asked, &identity, &bytes, &stop, &mut told, Some(calls));
        (reply, told)
    };
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
}

/// Tells the time that workloads see, or turns it: `{"advance": "1h30m"}`.
fn turn_clock(core: &Core, method: &Method, bytes: &Bytes) -> Result<Reply, ApiError> {
    if *method == Method::POST {
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let by = body["advance"].as_str().and_then(crate::simulate::parse_duration);
        let by = by.ok_or_else(|| ApiError::bad_request("expected {\"advance\": \"DURATION\"}, as in 1h30m"))?;
        core.clock.advance(by);
    } else if *method != Method::GET {
        return Err(ApiError::method_not_allowed());
    }
    Ok(Reply::json(200, &json!({"time": crate::clock::text(core.clock.now())})))
}

/// What is no resource.
fn path(core: &Core, asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let path = asked.request.path.as_str();
    match path {
        "/healthz" | "/livez" | "/readyz" | "/healthz/ping" | "/livez/ping" | "/readyz/ping" => {
            Ok(Reply::text(200, "ok"))
        }
        "/version" | "/version/" => Ok(Reply::json(200, &version())),
        "/metrics" => {
            let counts: Vec<(String, usize)> =
                core.kinds().resources().map(|s| (s.plural().to_string(), core.store.count(s.resource.slot))).collect();
            Ok(Reply::bytes(200, "text/plain; version=0.0.4; charset=utf-8", core.metrics.text(&counts)))
        }
        "/openid/v1/jwks" => {
            let keys = core.tokens.signer.key_set().to_string();
            Ok(Reply::bytes(200, "application/jwk-set+json", keys))
        }
        "/.well-known/openid-configuration" => Ok(Reply::json(
            200,
            &json!({
                "issuer": auth::ISSUER,
                "jwks_uri": format!("{}/openid/v1/jwks", auth::ISSUER),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }),
        )),
        "/" => Ok(Reply::json(
            200,
            &json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]}),
        )),
        _ if path.starts_with("/openapi/") => openapi::handle(core, path, asked.headers),
        _ if path == "/api" || path == "/apis" || path.starts_with("/api/") || path.starts_with("/apis/") => {
            discovery::handle(core, path, asked.headers)
        }
        _ => Err(ApiError::no_such_path()),
    }
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "gitVersion": concat!("v1.37.2+sluice.", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": concat!("linux/", "amd64"),
    })
}

/// A request for a resource.
fn resource(
    core: &Arc<Core>,
    asked: &Asked<'_>,
    identity: &Identity,
    bytes: &Bytes,
    stop: &CancellationToken,
    warnings: &mut Vec<String>,
    calls: Option<tokio::runtime::Handle>,
) -> Result<Reply, ApiError> {
    let request = asked.request;
    let kinds = core.kinds();
    let served =
        kinds.at(&request.group, &request.version, &request.resource).ok_or_else(ApiError::no_such_path)?.clone();
    let cluster_only = !served.resource.namespaced;
    let inside = !request.namespace.is_empty() && request.resource != "namespaces";
    if cluster_only && inside || !cluster_only && !inside && !request.name.is_empty() {
        return Err(ApiError::no_such_path());
    }
    if let Some(warning) = served.custom.as_ref().and_then(|c| c.deprecated.clone()) {
        warnings.push(warning);
    }
    let namespace = if cluster_only { "" } else { request.namespace.as_str() };
    let form = Form::from_headers(asked.headers, asked.query.get("pretty"))?;
    let include = include_object(asked.query.get("includeObject"))?;
    let answer = Answer { core, asked, served: &served, namespace, form, include, stop, calls };
    answer.run(identity, bytes, warnings)
}

const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/// What all verbs need.
struct Answer<'a> {
    core: &'a Arc<Core>,
    asked: &'a Asked<'a>,
    served: &'a Arc<Served>,
    namespace: &'a str,
    form: Form,
    include: crate::table::Include,
    stop: &'a CancellationToken,
    /// Where calls of webhooks run.
    calls: Option<tokio::runtime::Handle>,
}

impl Answer<'_> {
    fn run(&self, identity: &Identity, bytes: &Bytes, warnings: &mut Vec<String>) -> Result<Reply, ApiError> {
        let request = self.asked.request;
        if !request.subresource.is_empty() {
            return self.part(identity, bytes, warnings);
        }
        let verb = request.verb;
        if !self.served.allows(verb) || verb == "create" && !request.name.is_empty() {
            return Err(ApiError::method_not_allowed());
        }
        match verb {
            "get" => self.get(),
            "list" => {
                let options = ListOptions::parse(self.asked.query, self.served, false)?;
                let page = rest::list(self.core, self.served, self.namespace, &options)?;
                Ok(respond::page(self.served, &page, self.form, self.include))
            }
            "watch" => self.watch(),
            "create" => {
                let context = self.context(identity, OptionsKind::Create)?;
                let body = self.body(bytes)?;
                let outcome = match self.reviewed(identity, &body.value) {
                    Some(outcome) => outcome,
                    None => rest::create(self.core, self.served, self.namespace, body, &context),
                };
                warnings.append(&mut context.warnings.borrow_mut());
                self.object(outcome?)
            }
            "update" => {
                let context = self.context(identity, OptionsKind::Update)?;
                let body = self.body(bytes)?;
                let outcome = rest::update(self.core, self.target(""), body, &context);
                warnings.append(&mut context.warnings.borrow_mut());
                self.object(outcome?)
            }
            "patch" => {
                let (kind, context) = self.patch(identity)?;
                let outcome = rest::patch(self.core, self.target(""), kind, bytes, &context);
                warnings.append(&mut context.warnings.borrow_mut());
                self.object(outcome?)
            }
            "delete" => {
                let (options, context) = self.delete_options(identity, bytes)?;
                let outcome = rest::delete(self.core, self.served, self.namespace, &request.name, &options, &context);
                warnings.append(&mut context.warnings.borrow_mut());
                self.object(outcome?)
            }
            "deletecollection" => {
                let (options, context) = self.delete_options(identity, bytes)?;
                let list = ListOptions::parse(self.asked.query, self.served, false)?;
                let page = rest::delete_collection(self.core, self.served, self.namespace, &list, &options, &context);
                warnings.append(&mut context.warnings.borrow_mut());
                Ok(respond::page(self.served, &page?, self.form, self.include))
            }
            _ => Err(ApiError::method_not_allowed()),
        }
    }

    fn reviewed(&self, identity: &Identity, body: &Value) -> Option<Result<Outcome, ApiError>> {
        let is_review = matches!(self.served.resource.group.as_str(), "authentication.k8s.io" | "authorization.k8s.io");
        if !is_review {
            return None;
        }
        let mut review = body.clone();
        let has_owner = self.served.resource.kind != "SelfSubjectRulesReview";
        if has_owner && let Ok(context) = self.context(identity, OptionsKind::Create) {
            rest::own(self.served, &mut review, &context);
        }
        reviews::answer(self.core, self.served, self.namespace, review, identity)
    }

    fn target<'b>(&'b self, subresource: &'b str) -> Target<'b> {
        Target { served: self.served, namespace: self.namespace, name: &self.asked.request.name, subresource }
    }

    fn object(&self, outcome: Outcome) -> Result<Reply, ApiError> {
        Ok(respond::object(outcome, self.form, self.include))
    }

    fn get(&self) -> Result<Reply, ApiError> {
        if let Some(version) = rest::parse_version(self.asked.query.text("resourceVersion"))? {
            let current = self.core.store.version();
            if version > current {
                return Err(rest::unavailable(crate::store::Unavailable::TooNew { asked: version, current }));
            }
        }
        let object = rest::get(self.core, self.served, self.namespace, &self.asked.request.name)?;
        self.object(Outcome { code: 200, served: self.served.clone(), object: Shown::Stored(object) })
    }

    fn watch(&self) -> Result<Reply, ApiError> {
        let mut query = self.asked.query.clone();
        let name = &self.asked.request.name;
        if !name.is_empty() {
            query.select_name(name);
        }
        let options = ListOptions::parse(&query, self.served, true)?;
        watch::start(self.core, self.served, self.namespace, options, self.form, self.include, self.stop.clone())
    }

    fn context(&self, identity: &Identity, kind: OptionsKind) -> Result<Context, ApiError> {
        let options = WriteOptions::parse(self.asked.query, self.asked.agent, kind)?;
        Ok(Context { calls: self.calls.clone(), ..Context::new(identity.clone(), options) })
    }

    fn patch(&self, identity: &Identity) -> Result<(PatchKind, Context), ApiError> {
        let kind = PatchKind::from_media(media_of(self.asked.headers)).ok_or_else(|| ApiError {
            code: 415,
            reason: "UnsupportedMediaType",
            message: "415: Unsupported Media Type".into(),
            details: Some(Box::default()),
        })?;
        let options = if kind == PatchKind::Apply { OptionsKind::Apply } else { OptionsKind::Patch };
        Ok((kind, self.context(identity, options)?))
    }

    fn delete_options(&self, identity: &Identity, bytes: &Bytes) -> Result<(DeleteOptions, Context), ApiError> {
        let body = if bytes.is_empty() { Value::Null } else { self.body(bytes)?.value };
        let options = DeleteOptions::parse(&body, self.asked.query)?;
        let write = WriteOptions { dry_run: options.dry_run, ..WriteOptions::default() };
        Ok((options, Context { calls: self.calls.clone(), ..Context::new(identity.clone(), write) }))
    }

    fn body(&self, bytes: &Bytes) -> Result<bodies::Body, ApiError> {
        let media = match media_of(self.asked.headers) {
            protobuf::MEDIA if self.served.custom.is_none() => return self.protobuf(bytes),
            "" | "application/json" => Media::Json,
            "application/yaml" => Media::Yaml,
            other => {
                let accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
                return Err(ApiError {
                    code: 415,
                    reason: "UnsupportedMediaType",
                    message: format!(
                        "the body of the request was in an unknown format - accepted media types include: {accepted} \
                         ({other} was sent)"
                    ),
                    details: Some(Box::default()),
                });
            }
        };
        bodies::decode(bytes, media, self.core.limits.depth).map_err(|why| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).into_owned();
            ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse \
                 error: {why} ({text})",
                self.served.resource.kind
            ))
        })
    }

    /// A body in protobuf: of this kind, of a part of it, or options.
    fn protobuf(&self, bytes: &Bytes) -> Result<bodies::Body, ApiError> {
        let depth = self.core.limits.depth;
        let read = || {
            let envelope = protobuf::open(bytes)?;
            let (group, version) = envelope.api_version.split_once('/').unwrap_or(("", &envelope.api_version));
            let gvk = sluice_object::GroupVersionKind::new(group, version, &envelope.kind);
            let builtin = sluice_object::schema::builtin();
            let node = match envelope.kind.as_str() {
                // Every group has them, so that no group owns them.
                "DeleteOptions" => builtin.definition(DELETE_OPTIONS).map(|it| it.node()),
                _ => builtin.node(&gvk),
            };
            let node = node.ok_or_else(|| {
                format!("no kind \"{}\" is registered for version \"{}\"", gvk.kind, envelope.api_version)
            })?;
            let mut value = protobuf::decode(envelope.raw, node, depth)?;
            value["apiVersion"] = envelope.api_version.as_str().into();
            value["kind"] = envelope.kind.as_str().into();
            Ok::<_, String>(bodies::Body { value, duplicates: Vec::new() })
        };
        read().map_err(|why| {
            let kind = &self.served.resource.kind;
            ApiError::bad_request(format!("the object provided is unrecognized (must be of type {kind}): {why}"))
        })
    }

    /// A part of an object.
    fn part(&self, identity: &Identity, bytes: &Bytes, warnings: &mut Vec<String>) -> Result<Reply, ApiError> {
        let request = self.asked.request;
        let part = request.subresource.as_str();
        let Some(known) = self.served.subresource(part) else {
            if self.served.custom.is_some() {
                return Err(ApiError::not_found(self.served.plural(), &request.name));
            }
            return Err(ApiError::no_such_path());
        };
        if !known.verbs.iter().any(|v| v == request.verb) {
            return Err(ApiError::method_not_allowed());
        }
        let target = self.target(part);
        match (part, request.verb) {
            ("status", "get") => self.get(),
            ("status" | "resize" | "ephemeralcontainers", "update") => {
                let context = self.context(identity, OptionsKind::Update)?;
                let outcome = rest::update(self.core, target, self.body(bytes)?, &context);
                warnings.append(&mut context.warnings.borrow_mut());
                self.object(outcome?)
            }
            ("status" | "resize" | "ephemeralcontainers", "patch") => {
                let (kind, context) = self.patch(identity)?;
                let outcome = rest::patch(self.core, target, kind, bytes, &context);
                warnings.append(&mut context.warnings.borrow_mut());
                self.object(outcome?)
            }
            ("resize" | "ephemeralcontainers", "get") => self.get(),
            ("scale", "get") => self.object(subresource::get_scale(self.core, target)?),
            ("scale", "update") => {
                let context = self.context(identity, OptionsKind::Update)?;
                self.object(subresource::put_scale(self.core, target, &self.body(bytes)?, &context)?)
            }
            ("scale", "patch") => {
                let (kind, context) = self.patch(identity)?;
                let media = if kind == PatchKind::Apply { Media::Yaml } else { Media::Json };
                let patch = bodies::decode(bytes, media, self.core.limits.depth)
                    .map_err(|_| ApiError::bad_request("invalid JSON patch"))?;
                self.object(subresource::patch_scale(self.core, target, kind, &patch.value, &context)?)
            }
            ("token", "create") => self.object(subresource::token(self.core, target, self.body(bytes)?)?),
            ("eviction", "create") => {
                let context = self.context(identity, OptionsKind::Create)?;
                self.object(subresource::evict(self.core, target, &self.body(bytes)?, &context)?)
            }
            ("binding", "create") => self.object(subresource::bind(self.core, target, &self.body(bytes)?)?),
            ("finalize", "update") => self.object(subresource::finalize(self.core, target, &self.body(bytes)?)?),
            ("log", "get") => {
                rest::get(self.core, self.served, self.namespace, &request.name)?;
                Ok(Reply::text(200, ""))
            }
            ("approval", "update") => {
                let context = self.context(identity, OptionsKind::Update)?;
                self.object(rest::update(self.core, target, self.body(bytes)?, &context)?)
            }
            _ => {
                let slot = self.served.resource.slot;
                if self.core.store.get(slot, &key(self.namespace, &request.name)).is_none() {
                    return Err(ApiError::not_found(self.served.plural(), &request.name));
                }
                Err(ApiError::new(
                    501,
                    "",
                    format!("{part} of {} is not supported by this server", self.served.plural()),
                ))
            }
        }
    }
}
