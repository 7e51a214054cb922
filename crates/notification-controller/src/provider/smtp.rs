//! E-mail by SMTP, which Flux lacks: `type: generic` with an address such as `smtp://mail.example.com:587`.
//!
//! `spec.channel` has the recipients, `from` of the Secret the sender (else the user name), `username` and `password`
//! sign in. A connection is encrypted from the start (`smtps`), or after `STARTTLS` wherever the server offers it;
//! credentials are never sent in the clear, except to this very machine.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sluice_http::{Secret, Tls, Url, peer_text};

use super::Talk;
use super::target::Target;
use crate::event::Event;
use crate::exchange::{Exchange, Failure, NoAnswer};
use crate::wire::Wire;

/// An e-mail and where to hand it in.
pub struct Mail {
    host: String,
    port: u16,
    encrypted: bool,
    login: Option<(String, Secret)>,
    from: String,
    to: Vec<String>,
    text: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({} recipients)", self.to.len())
    }
}

/// Mails the event.
pub async fn send<E: Exchange>(target: &Target, event: &Event, exchange: &E) -> Result<(), Failure> {
    exchange.converse(Talk::Smtp(mail(target, event, Timestamp::now())?)).await.map_err(Failure::from)
}

fn mail(target: &Target, event: &Event, now: Timestamp) -> Result<Mail, Failure> {
    let wrong = || Failure::setup("the address of a mail server is written `smtp://host:587` or `smtps://host:465`");
    let url = Url::parse(target.address.expose()).map_err(|_| wrong())?;
    let encrypted = url.scheme() == "smtps";
    let host = url.host_str().filter(|it| !it.is_empty()).ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
    let to: Vec<String> =
        target.channel.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
    let from = target.secret("from").map_or_else(|| target.username.clone(), |it| it.expose().trim().to_owned());
    for address in to.iter().chain([&from]) {
        let is_one =
            address.contains('@') && !address.contains(|c: char| c.is_control() || c == ' ' || c == '<' || c == '>');
        if !is_one {
            return Err(Failure::setup(
                "e-mail needs addresses: recipients in spec.channel, the sender as `from` of the Secret or as user name",
            ));
        }
    }
    if to.is_empty() {
        return Err(Failure::setup("e-mail needs recipients in spec.channel"));
    }
    let has_login = !target.username.is_empty() && !target.password.expose().is_empty();
    Ok(Mail {
        host,
        port: url.port().unwrap_or(if encrypted { 465 } else { 587 }),
        encrypted,
        login: has_login.then(|| (target.username.clone(), target.password.clone())),
        text: message(event, &from, &to, now),
        from,
        to,
    })
}

fn message(event: &Event, from: &str, to: &[String], now: Timestamp) -> String {
    let object = &event.involved_object;
    let first = event.message.lines().next().unwrap_or_default();
    let state = if event.is_error() { "failed" } else { "ok" };
    let subject = format!("[{state}] {}/{}/{}: {first}", object.kind, object.namespace, object.name);
    let subject: String = subject.chars().filter(|c| !c.is_control()).take(150).collect();
    let mut body =
        format!("{}/{}/{}\n{}\n\n{}\n", object.kind, object.namespace, object.name, event.reason, event.message);
    for (key, value) in &event.metadata {
        let _ = write!(body, "\n{key}: {value}");
    }
    // Made of the event, so that a mail that comes twice is known by its id.
    let id = &hex::encode(Sha256::digest(crate::json::to_vec(event)))[..32];
    let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default();
    let encoded = STANDARD.encode(body);
    let lines: Vec<&str> = (0..encoded.len()).step_by(76).map(|at| &encoded[at..encoded.len().min(at + 76)]).collect();
    format!(
        "From: <{from}>\r\nTo: {}\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <{id}@sluice>\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        to.iter().map(|it| format!("<{it}>")).collect::<Vec<_>>().join(", "),
        words(&subject),
        lines.join("\r\n"),
    )
}

/// A header's text in encoded words, each short enough for a line (RFC 2047).
fn words(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > 39 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    words.iter().map(|it| format!("=?utf-8?B?{}?=", STANDARD.encode(it))).collect::<Vec<_>>().join("\r\n ")
}

fn broken(error: &std::io::Error) -> NoAnswer {
    NoAnswer { why: format!("SMTP: {}", peer_text(error.to_string().as_bytes())), may_pass: true }
}

/// A command and the code that its answer must begin with.
async fn say(wire: &mut Wire, command: &str, want: &str) -> Result<String, NoAnswer> {
    if !command.is_empty() {
        wire.send(command.as_bytes()).await.map_err(|error| broken(&error))?;
    }
    let mut answer = String::new();
    loop {
        let line = wire.line().await.map_err(|error| broken(&error))?;
        let last = line.as_bytes().get(3) != Some(&b'-');
        answer.push_str(&line);
        answer.push('\n');
        if last {
            break;
        }
        if answer.len() > 64 * 1024 {
            return Err(NoAnswer { why: "SMTP: the answer is larger than 65536 bytes".to_owned(), may_pass: true });
        }
    }
    if answer.starts_with(want) {
        return Ok(answer);
    }
    // What begins with 4 may pass, by the protocol's own rule.
    Err(NoAnswer { why: format!("SMTP: {}", peer_text(answer.as_bytes())), may_pass: answer.starts_with('4') })
}

/// Hands a mail in.
///
/// # Errors
/// What the server said.
pub async fn deliver(mail: &Mail, tls: &Tls) -> Result<(), NoAnswer> {
    let refused = |why: &str| NoAnswer { why: format!("SMTP: {why}"), may_pass: false };
    let mut wire = Wire::connect(&mail.host, mail.port).await.map_err(|error| broken(&error))?;
    let mut secure = mail.encrypted;
    if secure {
        wire = wire.secure(&mail.host, tls).await.map_err(|error| broken(&error))?;
    }
    say(&mut wire, "", "220").await?;
    let own = std::env::var("HOSTNAME").ok().filter(|it| !it.is_empty()).unwrap_or_else(|| "localhost".to_owned());
    let hello = format!("EHLO {own}\r\n");
    let mut offers = say(&mut wire, &hello, "250").await?.to_uppercase();
    if !secure && offers.contains("STARTTLS") {
        say(&mut wire, "STARTTLS\r\n", "220").await?;
        wire = wire.secure(&mail.host, tls).await.map_err(|error| broken(&error))?;
        secure = true;
        offers = say(&mut wire, &hello, "250").await?.to_uppercase();
    }
    if let Some((user, password)) = &mail.login {
        if !secure && !wire.is_local() {
            return Err(refused("the server offers no encryption, so no password is sent to it; use `smtps://`"));
        }
        sign_in(&mut wire, &offers, user, password).await?;
    }
    say(&mut wire, &format!("MAIL FROM:<{}>\r\n", mail.from), "250").await?;
    for to in &mail.to {
        say(&mut wire, &format!("RCPT TO:<{to}>\r\n"), "25").await?;
    }
    say(&mut wire, "DATA\r\n", "354").await?;
    // Base64 never begins a line with a dot, and no header of ours does.
    say(&mut wire, &format!("{}.\r\n", mail.text), "250").await?;
    // It is taken; what the server thinks of our leaving is no matter.
    let _ = wire.send(b"QUIT\r\n").await;
    Ok(())
}

async fn sign_in(wire: &mut Wire, offers: &str, user: &str, password: &Secret) -> Result<(), NoAnswer> {
    if offers.contains("PLAIN") || !offers.contains("LOGIN") {
        let plain = STANDARD.encode(format!("\0{user}\0{}", password.expose()));
        return say(wire, &format!("AUTH PLAIN {plain}\r\n"), "235").await.map(drop);
    }
    say(wire, "AUTH LOGIN\r\n", "334").await?;
    say(wire, &format!("{}\r\n", STANDARD.encode(user)), "334").await?;
    say(wire, &format!("{}\r\n", STANDARD.encode(password.expose())), "235").await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(channel: &str) -> Target {
        Target {
            kind: "smtp".into(),
            address: "smtp://mail.example.com".into(),
            channel: channel.into(),
            username: "me@example.com".into(),
            ..Target::default()
        }
    }

    #[test]
    fn nothing_from_outside_begins_a_header() {
        let event = Event { message: "a\r\nBcc: <evil@example.com>\r\n.\r\nx".into(), ..Event::default() };
        let mail = mail(&target("a@b.c, d@e.f"), &event, Timestamp::UNIX_EPOCH).unwrap();
        let (head, body) = mail.text.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("Bcc") && head.contains("To: <a@b.c>, <d@e.f>"), "{head}");
        assert!(head.contains("Date: Thu, 1 Jan 1970 00:00:00 +0000"), "{head}");
        assert!(body.lines().all(|line| !line.starts_with('.')));
        assert_eq!((mail.port, mail.encrypted), (587, false));
    }

    #[test]
    fn an_address_is_one() {
        for bad in ["", "nobody", "a@b.c>\r\nRCPT TO:<x@y.z"] {
            assert!(mail(&target(bad), &Event::default(), Timestamp::UNIX_EPOCH).is_err(), "{bad}");
        }
    }
}
