//! The way to an SSH server: straight, through an HTTP proxy's `CONNECT`, or through SOCKS5.

use crate::error::{Error, chain, peer_text};
use crate::limits::Limits;
use crate::url::RemoteUrl;
use base64::Engine;
use sluice_http::{Proxy, Secret};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of a proxy's answer to `CONNECT`.
const ANSWER: usize = 16 << 10;

/// A connection to the server.
pub(super) async fn connect(url: &RemoteUrl, proxy: Option<&Proxy>, limits: &Limits) -> Result<TcpStream, Error> {
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    let way = async {
        match proxy {
            None => Ok(TcpStream::connect((host, url.port())).await?),
            Some(proxy) => through(proxy, host, url.port()).await,
        }
    };
    let connected = tokio::time::timeout(limits.connect_timeout, way).await;
    let connected = connected.map_err(|_| Error::Timeout {
        url: url.to_string(),
        after: limits.connect_timeout,
        during: "connecting to",
    })?;
    connected.map_err(|err: io::Error| Error::Connection { url: url.to_string(), reason: chain(&err) })
}

async fn through(proxy: &Proxy, host: &str, port: u16) -> io::Result<TcpStream> {
    let address = reqwest::Url::parse(&proxy.address).map_err(|err| refused(format!("proxy address: {err}")))?;
    let at = address.host_str().ok_or_else(|| refused("the proxy address has no host"))?;
    let at = at.trim_start_matches('[').trim_end_matches(']');
    let default = if address.scheme().starts_with("socks5") { 1080 } else { 80 };
    let mut stream = match address.scheme() {
        "http" | "socks5" | "socks5h" => TcpStream::connect((at, address.port().unwrap_or(default))).await?,
        other => {
            return Err(refused(format!(
                "a proxy of scheme `{}` is not supported over ssh",
                peer_text(other.as_bytes())
            )));
        }
    };
    if address.scheme() == "http" {
        http_connect(&mut stream, proxy, host, port).await?;
    } else {
        socks5(&mut stream, proxy, host, port).await?;
    }
    Ok(stream)
}

async fn http_connect(stream: &mut TcpStream, proxy: &Proxy, host: &str, port: u16) -> io::Result<()> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(user) = &proxy.username {
        let pair = format!("{user}:{}", proxy.password.as_ref().map_or("", Secret::expose));
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        request.push_str(&format!("Proxy-Authorization: Basic {pair}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte, because what follows belongs to SSH.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= ANSWER {
            return Err(refused("the proxy's answer is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    let status = answer.split(|b| *b == b'\r').next().unwrap_or_default();
    let code = status.split(|b| *b == b' ').nth(1).unwrap_or_default();
    if code.len() == 3 && code[0] == b'2' {
        return Ok(());
    }
    Err(refused(format!("the proxy refused: {}", peer_text(status))))
}

/// RFC 1928, with user and password of RFC 1929. The proxy resolves the name.
async fn socks5(stream: &mut TcpStream, proxy: &Proxy, host: &str, port: u16) -> io::Result<()> {
    let method = if proxy.username.is_some() { 2 } else { 0 };
    stream.write_all(&[5, 1, method]).await?;
    let mut chosen = [0u8; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [5, method] {
        return Err(refused("the proxy accepts no way to sign in that we have"));
    }
    if let Some(user) = &proxy.username {
        let password = proxy.password.as_ref().map_or("", Secret::expose);
        let mut login = vec![1];
        push_short(&mut login, user)?;
        push_short(&mut login, password)?;
        stream.write_all(&login).await?;
        let mut answer = [0u8; 2];
        stream.read_exact(&mut answer).await?;
        if answer[1] != 0 {
            return Err(refused("the proxy refused its credentials"));
        }
    }
    let mut request = vec![5, 1, 0, 3];
    push_short(&mut request, host)?;
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await?;
    let mut answer = [0u8; 4];
    stream.read_exact(&mut answer).await?;
    if answer[1] != 0 {
        return Err(refused(format!("the proxy cannot connect (code {})", answer[1])));
    }
    let bound = match answer[3] {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(refused("the proxy's answer makes no sense")),
    };
    let mut rest = vec![0u8; bound + 2];
    stream.read_exact(&mut rest).await?;
    Ok(())
}

fn push_short(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let length = u8::try_from(text.len()).map_err(|_| refused("a name of more than 255 bytes does not fit SOCKS5"))?;
    out.push(length);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn refused(reason: impl Into<String>) -> io::Error {
    io::Error::other(reason.into())
}
