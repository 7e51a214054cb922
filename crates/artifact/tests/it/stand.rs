//! What the tests share: a served storage folder, and a server that answers as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sluice_artifact::{FetchOptions, Fetcher, Location, ServerOptions, Storage, serve};
use sluice_tree::{Limits, Tree, TreeBuilder};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct Served {
    pub storage: Storage,
    pub folder: TempDir,
    pub address: String,
    pub stop: Option<oneshot::Sender<()>>,
    pub task: JoinHandle<std::io::Result<()>>,
}

pub async fn served(options: ServerOptions) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let storage = Storage::open(folder.path(), &address).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let root = folder.path().to_owned();
    let task = tokio::spawn(serve(listener, root, options, async { stopped.await.unwrap_or(()) }));
    Served { storage, folder, address, stop: Some(stop), task }
}

impl Served {
    /// Sends a raw request on its own connection, and returns all that comes back.
    pub async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Head and body of a GET (or another method), with more headers.
    pub async fn ask(&self, method: &str, path: &str, headers: &str) -> (String, String) {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        let answer = self.raw(&request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (head.to_owned(), body.to_owned())
    }
}

/// Answers each connection with the next of `answers`, the last one again and again, and counts them.
pub async fn scripted(answers: Vec<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let (counter, answers) = (Arc::clone(&count), Mutex::new(VecDeque::from(answers)));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let answer = {
                let mut answers = answers.lock().unwrap();
                if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
            };
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                if answer.is_empty() {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            });
        }
    });
    (address, count)
}

pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Impatient, so that tests are quick.
pub fn fetcher() -> Fetcher {
    Fetcher::new(FetchOptions {
        retries: 2,
        wait_min: Duration::from_millis(10),
        wait_max: Duration::from_millis(20),
        max_bytes: 1 << 20,
        header_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_millis(500),
        ..FetchOptions::default()
    })
    .unwrap()
}

pub fn tree(files: &[(&str, &str)]) -> Tree {
    let mut builder = TreeBuilder::new(Limits::default());
    files.iter().for_each(|(path, data)| builder.file(path, (*data).to_owned(), false).unwrap());
    builder.build()
}

pub fn at(file: &str) -> Location {
    Location::new("GitRepository", "flux-system", "podinfo", file).unwrap()
}
