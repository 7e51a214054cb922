//! A sample, sent to try a Provider out: what goes there and what comes back is noted, secrets masked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sluice_api::notification::Provider;
use sluice_http::{Clients, Limits, Secret, peer_text};

use crate::event::{Event, InvolvedObject, Time};
use crate::exchange::{Answer, Exchange, Failure, NoAnswer, Request};
use crate::provider::{self, About, Talk, Target};
use crate::transport::{Courier, transport_of};

/// What a Secret holds.
pub type Data = BTreeMap<String, Secret>;

/// The Secrets that a Provider names.
#[derive(Default)]
pub struct Secrets {
    /// That of `spec.secretRef`.
    pub own: Data,
    /// That of `spec.certSecretRef`.
    pub certificates: Option<Data>,
    /// That of `spec.proxySecretRef`.
    pub proxy: Option<Data>,
}

/// What was said, and how it ended.
#[derive(Clone, Debug)]
pub struct Tried {
    /// One line for each thing that was sent or came back.
    pub exchange: Vec<String>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// Sends a sample to a Provider.
pub async fn send(provider: &Provider, secrets: &Secrets) -> Tried {
    let event = event(provider);
    let about = About { alert: json!({"metadata": {"name": "sample", "uid": "sample"}}), provider: json!(provider) };
    let target = match Target::new(&provider.spec, &secrets.own, about) {
        Ok(target) => target,
        Err(failure) => return Tried { exchange: Vec::new(), failure: Some(failure.message) },
    };
    let notes = Mutex::new(Vec::new());
    let outcome: Result<(), Failure> = async {
        let transport =
            transport_of(&provider.spec, &secrets.own, secrets.certificates.as_ref(), secrets.proxy.as_ref())?;
        let clients =
            Clients::new(concat!("sluice/", env!("CARGO_PKG_VERSION")), Limits { redirects: 0, ..Limits::default() });
        let courier = Courier::new(&clients, &transport, &event, 0);
        let noting = Noting { courier, notes: &notes };
        let sent = tokio::time::timeout(Duration::from_secs(15), provider::send(&target, &event, &noting)).await;
        sent.unwrap_or_else(|_| Err(Failure::send("no answer within 15s")))
    }
    .await;
    let exchange = notes.into_inner().unwrap_or_else(PoisonError::into_inner);
    Tried {
        exchange: exchange.iter().map(|line| target.masked(line)).collect(),
        failure: outcome.err().map(|failure| target.masked(&failure.message)),
    }
}

fn event(provider: &Provider) -> Event {
    let namespace = provider.metadata.namespace.clone().unwrap_or_default();
    let involved_object = InvolvedObject {
        kind: "Kustomization".to_owned(),
        namespace,
        name: "sample".to_owned(),
        uid: "00000000-0000-0000-0000-000000000000".to_owned(),
        api_version: "kustomize.toolkit.fluxcd.io/v1".to_owned(),
        ..InvolvedObject::default()
    };
    Event {
        involved_object,
        severity: "info".to_owned(),
        timestamp: Time(Some(Timestamp::now())),
        message: "This is a sample: notifications of this provider arrive here".to_owned(),
        reason: "Sample".to_owned(),
        metadata: BTreeMap::from([("summary".to_owned(), "sent by `sluice alert test`".to_owned())]),
        reporting_controller: "sluice".to_owned(),
        reporting_instance: String::new(),
    }
}

struct Noting<'a> {
    courier: Courier<'a>,
    notes: &'a Mutex<Vec<String>>,
}

impl Noting<'_> {
    fn note(&self, line: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl Exchange for Noting<'_> {
    async fn http(&self, request: Request) -> Result<Answer, NoAnswer> {
        self.note(format!("> {} {}", request.method, request.url));
        for (name, value) in &request.headers {
            // Sensitive values are not even taken as far as the mask.
            let value = if value.is_sensitive() { "*****" } else { value.to_str().unwrap_or("?") };
            self.note(format!("> {name}: {value}"));
        }
        if !request.body.is_empty() {
            self.note(format!("> {}", String::from_utf8_lossy(&request.body)));
        }
        let answer = self.courier.http(request).await;
        match &answer {
            Ok(answer) => self.note(format!("< {} {}", answer.status, peer_text(&answer.body))),
            Err(none) => self.note(format!("< {}", none.why)),
        }
        answer
    }

    async fn converse(&self, talk: Talk) -> Result<(), NoAnswer> {
        self.note(format!("> {talk:?}"));
        let answer = self.courier.converse(talk).await;
        self.note(match &answer {
            Ok(()) => "< taken".to_owned(),
            Err(none) => format!("< {}", none.why),
        });
        answer
    }
}
