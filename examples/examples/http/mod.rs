//! What the examples with a server have in common: they serve themselves some requests, or, with `--serve ADDRESS`, others.

use std::net::SocketAddr;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves a router in the background, and says where. With `--serve` it never returns unless the server fails.
pub(crate) async fn serve(router: Router) -> std::io::Result<SocketAddr> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", address] => Some(address),
        [] => None,
        _ => return Err(std::io::Error::other("usage: [--serve ADDRESS]")),
    };
    let listener = TcpListener::bind(address.unwrap_or("127.0.0.1:0")).await?;
    let to = listener.local_addr()?;
    println!("listening on http://{to}");
    let server = tokio::spawn(async { axum::serve(listener, router).await });
    if address.is_some() {
        server.await??;
    }
    Ok(to)
}

/// One HTTP/1.1 request over a connection of its own, and the whole answer. `headers` are lines with their ends.
pub(crate) async fn ask(
    to: SocketAddr,
    what: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(to).await?;
    let length =
        if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let request = format!(
        "{what} HTTP/1.1\r\nhost: {to}\r\n{length}{headers}connection: close\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}
