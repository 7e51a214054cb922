//! The bodies that services send.

use base64::Engine as _;
use http::header::CONTENT_TYPE;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{Call, Refused, header, signature};

/// The media type, without parameters and in lower case.
fn media(call: Call<'_>) -> String {
    let text = call.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a call says that its body is JSON.
pub fn says_json(call: Call<'_>) -> bool {
    let media = media(call);
    media == "application/json" || media.ends_with("+json")
}

/// The body as filters see it: an object, empty unless the call says that it is JSON and it is.
pub fn for_filters(call: Call<'_>) -> Value {
    let empty = || Value::Object(Map::new());
    if !says_json(call) {
        return empty();
    }
    serde_json::from_slice::<Value>(call.body).ok().filter(Value::is_object).unwrap_or_else(empty)
}

/// Checks a signature as GitHub makes it: over the body, which is JSON or a form with a `payload`.
pub fn signed(call: Call<'_>, headers: &[&str], token: &str) -> Result<(), Refused> {
    let media = media(call);
    if !matches!(media.as_str(), "application/json" | "application/x-www-form-urlencoded") {
        let shown = sluice_http::peer_text(media.as_bytes());
        return Err(Refused::new(format!("webhook request has unsupported Content-Type \"{shown}\"")));
    }
    let signature = headers.iter().map(|name| header(call, name)).find(|it| !it.is_empty()).unwrap_or_default();
    signature::check(signature, call.body, token)
}

/// The first JSON value of a body: what follows is nobody's business, as for Go's decoder. A null is as good as nothing.
fn first(who: &str, body: &[u8]) -> Result<Value, Refused> {
    let wrong = || Refused::new(format!("cannot decode {who} webhook payload"));
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next().ok_or_else(wrong)?.map_err(|_| wrong())? {
        Value::Null => Ok(Value::Object(Map::new())),
        value @ Value::Object(_) => Ok(value),
        _ => Err(wrong()),
    }
}

/// Whether the texts at these paths are texts, where they are there at all.
fn texts(who: &str, value: &Value, paths: &[&str]) -> Result<(), Refused> {
    for path in paths {
        let mut at = value;
        for field in path.split('.') {
            if !at.is_object() && !at.is_null() {
                return Err(Refused::new(format!("cannot decode {who} webhook payload: `{path}` lies in no object")));
            }
            at = &at[field];
        }
        if !at.is_string() && !at.is_null() {
            return Err(Refused::new(format!("cannot decode {who} webhook payload: `{path}` is no text")));
        }
    }
    Ok(())
}

/// Docker Hub signs nothing; its shape is checked.
pub fn dockerhub(body: &[u8]) -> Result<(), Refused> {
    texts("DockerHub", &first("DockerHub", body)?, &["push_data.tag", "repository.repo_url"])
}

/// Quay signs nothing; its shape is checked.
pub fn quay(body: &[u8]) -> Result<(), Refused> {
    let value = first("Quay", body)?;
    texts("Quay", &value, &["docker_url"])?;
    let is_list = match &value["updated_tags"] {
        Value::Null => true,
        Value::Array(tags) => tags.iter().all(|it| it.is_string() || it.is_null()),
        _ => false,
    };
    if is_list {
        Ok(())
    } else {
        Err(Refused::new("cannot decode Quay webhook payload: `updated_tags` is no list of texts"))
    }
}

/// Azure's registry signs nothing; its shape is checked.
pub fn acr(body: &[u8]) -> Result<(), Refused> {
    texts("ACR", &first("ACR", body)?, &["action", "target.repository", "target.tag"])
}

/// Nexus sends one JSON value and nothing after it.
pub fn nexus(body: &[u8]) -> Result<(), Refused> {
    if !is_json(body) {
        return Err(Refused::new("cannot decode Nexus webhook payload"));
    }
    texts("Nexus", &first("Nexus", body)?, &["action", "repositoryName"])
}

/// The message inside the message that Google's registry sends through Pub/Sub.
pub fn gcr(body: &[u8]) -> Result<Value, Refused> {
    let outer = first("GCR", body)?;
    texts("GCR", &outer, &["message.data"])?;
    let data = outer["message"]["data"].as_str().unwrap_or_default();
    let data = base64::engine::general_purpose::STANDARD.decode(data);
    let data = data.map_err(|_| Refused::new("cannot decode GCR webhook body: its data is no base64"))?;
    if !is_json(&data) {
        return Err(Refused::new("cannot decode GCR webhook body"));
    }
    let value = first("GCR", &data)?;
    texts("GCR", &value, &["action", "digest", "tag"])?;
    Ok(value)
}

/// Whether a body is one JSON value.
pub fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}
