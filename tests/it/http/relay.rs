//! What stands between client and server: a way that breaks, and a front that speaks HTTP/1.1 only.

use super::local::Local;
use super::trust::Leaf;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A listener that passes on what it gets.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    /// Dropped last to first: its tasks end with it.
    _runtime: Runtime,
}

struct State {
    /// Where connections go from now on.
    target: Mutex<SocketAddr>,
    /// Connections accepted.
    accepted: AtomicU64,
    /// Bytes from the server that may still pass; then the connection is cut, once.
    budget: AtomicU64,
    /// While true, nothing passes from the server.
    stalled: watch::Sender<bool>,
    /// What passed in both directions, after TLS where the relay ends it.
    tapped: Mutex<Vec<u8>>,
}

/// No cut.
const ENDLESS: u64 = u64::MAX;

impl Relay {
    /// Passes bytes on as they are.
    pub(crate) fn tcp(server: &Local) -> Self {
        Self::start(server.address, |client, state| async move {
            if let Ok(server) = TcpStream::connect(state.target()).await {
                pass(client, server, &state).await;
            }
        })
    }

    /// The same for another kind of server. Connections are closed with a reset instead of a FIN.
    pub(crate) fn resetting(server: SocketAddr) -> Self {
        Self::start(server, |client, state| async move {
            let _ = client.set_zero_linger();
            if let Ok(server) = TcpStream::connect(state.target()).await {
                pass(client, server, &state).await;
            }
        })
    }

    /// Ends the client's TLS, offering HTTP/1.1 alone, and speaks HTTP/1.1 over TLS with the server.
    pub(crate) fn http1(server: &Local) -> Self {
        let acceptor = http1_acceptor(server);
        let connector =
            TlsConnector::from(Arc::new(tls_config(&server.authority.pem, &[b"http/1.1"])));
        Self::start(server.address, move |client, state| {
            let (acceptor, connector) = (acceptor.clone(), connector.clone());
            async move {
                let name = ServerName::try_from("localhost").expect("a name");
                let Ok(server) = TcpStream::connect(state.target()).await else { return };
                let (Ok(client), Ok(server)) =
                    (acceptor.accept(client).await, connector.connect(name, server).await)
                else {
                    return;
                };
                pass(client, server, &state).await;
            }
        })
    }

    /// Ends the client's TLS and gives every request the same answer over HTTP/1.1.
    pub(crate) fn answering(server: &Local, answer: String) -> Self {
        let acceptor = http1_acceptor(server);
        Self::start(server.address, move |client, _| {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut chunk = vec![0; 16 * 1024];
                // The requests are small: each comes in one piece.
                while let Ok(1..) = client.read(&mut chunk).await {
                    if client.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                    let _ = client.flush().await;
                }
            }
        })
    }

    fn start<F>(
        target: SocketAddr,
        serve: impl Fn(TcpStream, Arc<State>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            target: Mutex::new(target),
            accepted: AtomicU64::new(0),
            budget: AtomicU64::new(ENDLESS),
            stalled: watch::channel(false).0,
            tapped: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.accepted.fetch_add(1, SeqCst);
                let _ = client.set_nodelay(true);
                tokio::spawn(serve(client, Arc::clone(&shared)));
            }
        });
        Self { address, state, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// New connections go there from now on.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        *self.state.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> u64 {
        self.state.accepted.load(SeqCst)
    }

    /// All bytes that passed so far.
    pub(crate) fn tapped(&self) -> Vec<u8> {
        self.state.tapped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Cuts the connection after so many more bytes from the server; only one, and only once.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.state.budget.store(bytes, SeqCst);
    }

    /// Whether that is still to come.
    pub(crate) fn will_cut(&self) -> bool {
        self.state.budget.load(SeqCst) != ENDLESS
    }

    /// Holds back what comes from the server, or lets it through again.
    pub(crate) fn stall(&self, stalled: bool) {
        self.state.stalled.send_replace(stalled);
    }
}

impl State {
    fn target(&self) -> SocketAddr {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tap(&self, bytes: &[u8]) {
        self.tapped.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    /// Takes so many bytes from the budget; how many of them may pass if it is spent.
    fn spend(&self, count: u64) -> Option<u64> {
        let mut left = self.budget.load(SeqCst);
        loop {
            let after = match left {
                ENDLESS => return None,
                _ if left > count => left - count,
                // Spent: the next connection is not cut.
                _ => ENDLESS,
            };
            match self.budget.compare_exchange(left, after, SeqCst, SeqCst) {
                Ok(_) => return (after == ENDLESS).then_some(left),
                Err(now) => left = now,
            }
        }
    }
}

async fn pass<C, S>(client: C, server: S, state: &State)
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let up = async {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut chunk).await {
            state.tap(&chunk[..count]);
            let sent = to_server.write_all(&chunk[..count]).await;
            if sent.is_err() || to_server.flush().await.is_err() {
                break;
            }
        }
        let _ = to_server.shutdown().await;
        std::future::pending::<()>().await;
    };
    let down = async {
        let mut stalled = state.stalled.subscribe();
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut chunk).await {
            let _ = stalled.wait_for(|stalled| !stalled).await;
            let cut = state.spend(count as u64);
            let passed = cut.map_or(count, |left| usize::try_from(left).unwrap_or(count));
            state.tap(&chunk[..passed]);
            let sent = to_client.write_all(&chunk[..passed]).await;
            if sent.is_err() || to_client.flush().await.is_err() || cut.is_some() {
                return;
            }
        }
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

/// A server's side of TLS that offers HTTP/1.1 alone.
fn http1_acceptor(server: &Local) -> TlsAcceptor {
    let (chain, key) = server.authority.issue_pem(Leaf::Good);
    let chain = CertificateDer::from_pem_slice(chain.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("a certificate with its key");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// A client's TLS configuration with one authority and these protocols.
pub(crate) fn tls_config(ca_pem: &str, alpn: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("the CA is PEM");
    roots.add(certificate).expect("the CA is a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}
