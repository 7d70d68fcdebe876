//! A way to the server that can go dead without a word, as routers do with connections they forgot.

use super::server::Server;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes on, on the runtime of the test.
pub(super) struct Relay {
    pub(super) port: u16,
    /// Connections up to this one are dead: their bytes go nowhere.
    dead: watch::Sender<usize>,
    accepted: Arc<AtomicUsize>,
}

impl Relay {
    pub(super) async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (dead, watched) = watch::channel(0);
        let accepted = Arc::new(AtomicUsize::new(0));
        let (counter, target) = (Arc::clone(&accepted), server.port);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(from_client, to_server, number, watched.clone()));
                tokio::spawn(pass(from_server, to_client, number, watched.clone()));
            }
        });
        Self { port, dead, accepted }
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// From now on nothing passes on the connections there are; they stay open.
    pub(super) fn forget(&self) {
        self.dead.send_replace(self.accepted());
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    number: usize,
    dead: watch::Receiver<usize>,
) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        if *dead.borrow() < number && to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
    if *dead.borrow() >= number {
        // The other side hears nothing of the end either.
        std::future::pending::<()>().await;
    }
}
