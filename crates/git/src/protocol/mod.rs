//! Git's wire protocol, the client's half: version 2, and versions 0 and 1 for servers that know no other.
//!
//! gix's own client is blocking: a stalled server holds a thread, and a deadline cannot end it. Here every read is a
//! future with an idle limit, so that dropping the operation ends it. Lines are decoded by gix-packetline, objects by
//! gix-pack and gix-object.

mod advert;
mod fetch;
mod list;
mod packets;

pub(crate) use advert::Advert;
pub(crate) use fetch::{Wants, fetch};
pub(crate) use list::list;
pub(crate) use packets::{BoxRead, Packets, line};

use crate::error::Error;
use crate::http::Session as HttpSession;
use crate::ssh::Session as SshSession;

/// Who we say we are, on the wire.
pub(crate) const AGENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

/// A conversation with one repository.
pub(crate) enum Connection {
    Http(Box<HttpSession>),
    Ssh(Box<SshSession>),
}

impl Connection {
    /// What the server told about itself.
    pub(crate) fn advert(&self) -> &Advert {
        match self {
            Connection::Http(session) => session.advert(),
            Connection::Ssh(session) => session.advert(),
        }
    }

    /// Sends `body` and gives the answer to read.
    async fn request(&mut self, body: Vec<u8>) -> Result<&mut Packets, Error> {
        match self {
            Connection::Http(session) => session.request(body).await,
            Connection::Ssh(session) => session.request(body).await,
        }
    }

    /// Takes leave, so that the server does not report a broken connection.
    pub(crate) async fn close(self) {
        match self {
            Connection::Http(_) => {}
            Connection::Ssh(session) => session.close().await,
        }
    }
}
