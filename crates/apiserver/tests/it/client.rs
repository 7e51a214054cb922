//! A server and a client of it, for one test.

use reqwest::{Method, Response};
use serde_json::Value;
use sluice_apiserver::{Config, Server, User, start};

pub struct Client {
    pub server: Server,
    pub http: reqwest::Client,
    pub token: &'static str,
}

pub const ADMIN: &str = "the-token-of-an-administrator";
pub const ALICE: &str = "the-token-of-alice";

impl Client {
    pub async fn new() -> Self {
        Self::with(Config { simulate: false, ..Config::default() }).await
    }

    pub async fn with(mut config: Config) -> Self {
        config.users = vec![
            User { name: "admin".into(), groups: vec!["system:masters".into()], token: ADMIN.into() },
            User { name: "alice".into(), groups: vec!["team".into()], token: ALICE.into() },
        ];
        let server = start(config).await.unwrap();
        let root = reqwest::Certificate::from_pem(server.authority().as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
        Self { server, http, token: ADMIN }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.server.url())).bearer_auth(self.token)
    }

    /// Sends a body of some media type; the answer's code and JSON.
    pub async fn send(&self, method: Method, path: &str, media: &str, body: &Value) -> (u16, Value) {
        let request = self.request(method, path).header("content-type", media).body(body.to_string());
        answer(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, path, "application/json", body).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::DELETE, path).send().await.unwrap()).await
    }
}

async fn answer(response: Response) -> (u16, Value) {
    let code = response.status().as_u16();
    let text = response.text().await.unwrap();
    (code, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The path of an object's collection.
pub fn collection(server: &Server, object: &Value) -> String {
    let kind = server.local().kind_of(object).unwrap();
    let root = if kind.api_version.contains('/') { "apis" } else { "api" };
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    if kind.resource.namespaced {
        format!("/{root}/{}/namespaces/{namespace}/{}", kind.api_version, kind.resource.plural)
    } else {
        format!("/{root}/{}/{}", kind.api_version, kind.resource.plural)
    }
}

/// The causes of a refusal, as (field, reason), sorted.
pub fn causes(error: &Value) -> Vec<(String, String)> {
    let list = error.get("causes").or_else(|| error["details"].get("causes"));
    let text = |cause: &Value, key: &str| cause[key].as_str().unwrap_or_default().to_owned();
    let mut out: Vec<_> = list
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|cause| (text(cause, "field"), text(cause, "reason")))
        .collect();
    out.sort();
    out
}
