//! A proxy that speaks both `CONNECT` and SOCKS5, and wants to be signed in to.

use base64::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Starts one; gives its port.
pub async fn start(user: &'static str, password: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, user, password));
        }
    });
    port
}

async fn serve(mut stream: TcpStream, user: &str, password: &str) -> std::io::Result<()> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    let target = if first[0] == 5 {
        socks5(&mut stream, user, password).await?
    } else {
        connect(&mut stream, user, password).await?
    };
    if let Some(target) = target {
        let mut server = TcpStream::connect(target).await?;
        tokio::io::copy_bidirectional(&mut stream, &mut server).await?;
    }
    Ok(())
}

async fn connect(stream: &mut TcpStream, user: &str, password: &str) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    if !head.to_lowercase().contains(&format!("proxy-authorization: basic {pair}").to_lowercase()) {
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await?;
        return Ok(None);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    Ok(head.split(' ').nth(1).map(str::to_owned))
}

async fn socks5(stream: &mut TcpStream, user: &str, password: &str) -> std::io::Result<Option<String>> {
    let mut short = async |skip: usize| {
        let mut head = vec![0; skip];
        stream.read_exact(&mut head).await?;
        let length = stream.read_u8().await?;
        let mut text = vec![0; length.into()];
        stream.read_exact(&mut text).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&text).into_owned())
    };
    short(1).await?;
    stream.write_all(&[5, 2]).await?;
    let mut short = async |skip: usize| {
        let mut head = vec![0; skip];
        stream.read_exact(&mut head).await?;
        let length = stream.read_u8().await?;
        let mut text = vec![0; length.into()];
        stream.read_exact(&mut text).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&text).into_owned())
    };
    if (short(1).await?, short(0).await?) != (user.to_owned(), password.to_owned()) {
        stream.write_all(&[1, 1]).await?;
        return Ok(None);
    }
    stream.write_all(&[1, 0]).await?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let length = stream.read_u8().await?;
    let mut host = vec![0; length.into()];
    stream.read_exact(&mut host).await?;
    let port = stream.read_u16().await?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    Ok(Some(format!("{}:{port}", String::from_utf8_lossy(&host))))
}
