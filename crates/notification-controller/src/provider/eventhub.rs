//! Azure Event Hubs, by its REST API.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sluice_http::{Secret, Url};

use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, Request, accepted};

/// Sends the event. `spec.address` is a connection string with a key, or the hub's name; `spec.channel` the namespace.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    let address = target.address.expose();
    let request = match address.contains("SharedAccessKey") {
        true => {
            let hub = Connection::parse(address, &target.channel)?;
            let signature = hub.signature(Timestamp::now().as_second() + 3600);
            Request::json(hub.url()?, event).secret_header("authorization", &signature)?
        }
        false => {
            if target.token.expose().is_empty() {
                return Err(Failure::setup(
                    "Event Hubs needs a connection string with `SharedAccessKey`, or `token` in the Secret",
                ));
            }
            if address.is_empty() || target.channel.is_empty() {
                return Err(Failure::setup(
                    "Event Hubs needs the hub as spec.address and the namespace as spec.channel",
                ));
            }
            let host = match target.channel.contains(".servicebus.") {
                true => target.channel.clone(),
                false => format!("{}.servicebus.windows.net", target.channel),
            };
            Request::json(messages(&host, address)?, event).bearer(&target.token)?
        }
    };
    accepted(exchange, request).await.map(drop)
}

fn messages(host: &str, hub: &str) -> Result<Url, Failure> {
    let url = format!("https://{host}/{hub}/messages?timeout=60&api-version=2014-01");
    Url::parse(&url).map_err(|_| Failure::setup("the names of namespace and hub cannot stand in an address"))
}

struct Connection {
    host: String,
    hub: String,
    key_name: String,
    key: Secret,
}

impl Connection {
    fn parse(text: &str, channel: &str) -> Result<Connection, Failure> {
        let get = |wanted: &str| {
            let mut parts = text.split(';').filter_map(|part| part.split_once('='));
            parts.find(|(key, _)| key.trim() == wanted).map(|(_, value)| value.trim().to_owned())
        };
        let needs = |key: &str| Failure::setup(format!("the connection string of Event Hubs has no `{key}`"));
        let endpoint = get("Endpoint").ok_or_else(|| needs("Endpoint"))?;
        let host = endpoint.split("://").last().unwrap_or_default().trim_end_matches('/').to_owned();
        let hub = get("EntityPath").or_else(|| (!channel.is_empty()).then(|| channel.to_owned()));
        Ok(Connection {
            host,
            hub: hub.ok_or_else(|| needs("EntityPath"))?,
            key_name: get("SharedAccessKeyName").ok_or_else(|| needs("SharedAccessKeyName"))?,
            key: get("SharedAccessKey").map(Secret::from).ok_or_else(|| needs("SharedAccessKey"))?,
        })
    }

    fn url(&self) -> Result<Url, Failure> {
        messages(&self.host, &self.hub)
    }

    /// A signature that is good until `expiry`.
    fn signature(&self, expiry: i64) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let resource = encode(&format!("https://{}/{}", self.host, self.hub));
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.expose().as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, format!("{resource}\n{expiry}").as_bytes()));
        let (signature, name) = (encode(&signature), encode(&self.key_name));
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_has_all_that_is_needed() {
        let text =
            "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=abc=;EntityPath=hub";
        let connection = Connection::parse(text, "").unwrap();
        assert_eq!(
            connection.url().unwrap().as_str(),
            "https://ns.servicebus.windows.net/hub/messages?timeout=60&api-version=2014-01"
        );
        assert_eq!(connection.key.expose(), "abc=");
        let signature = connection.signature(1);
        assert!(signature.starts_with("SharedAccessSignature sr=https%3A%2F%2Fns%2Eservicebus"), "{signature}");
        assert!(Connection::parse("Endpoint=sb://x/;SharedAccessKey=a", "c").is_err());
    }
}
