//! A server that does what a test tells it to, over real TLS sockets and on threads of its own.

use super::super::{CachekitIo, CachekitIoBuilder, Resolve};
use crate::BoxFuture;
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(super) const HOST: &str = "cache.test";
pub(super) const KEY: &str = "ck_live_5ecret";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How many came before it.
    pub(super) number: usize,
    /// The connection it came on, counted from one.
    pub(super) connection: usize,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What to do with a request.
pub(super) enum Reply {
    Answer(Response<Bytes>),
    /// Nothing, ever.
    Stall,
    /// The head and half of the body, then a reset of the stream.
    Half(Response<Bytes>),
    /// The head, and then nothing, ever.
    Head(Response<Bytes>),
    /// A reset of the stream.
    Reset(Reason),
    /// A graceful GOAWAY, then the answer.
    GoAway(Response<Bytes>),
    /// The connection is closed without a word.
    Hangup,
}

pub(super) fn answer(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub(super) fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    Reply::Answer(answer(status, body))
}

pub(super) fn with(
    mut response: Response<Bytes>,
    name: &'static str,
    value: &str,
) -> Response<Bytes> {
    response.headers_mut().append(name, value.parse().unwrap());
    response
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// The server; gone with its connections when dropped.
pub(super) struct Server {
    pub(super) port: u16,
    ca_pem: String,
    state: Arc<State>,
    _runtime: Runtime,
}

/// Shut down in the background: tests drop servers inside of async code.
struct Runtime(Option<tokio::runtime::Runtime>);

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

struct State {
    script: Script,
    seen: Mutex<Vec<Seen>>,
    requests: AtomicUsize,
    connections: AtomicUsize,
    /// Connections whose TLS session went on from an earlier one.
    resumed: AtomicUsize,
    open: watch::Sender<usize>,
    generation: watch::Sender<usize>,
    max_streams: u32,
}

#[derive(Clone, Copy)]
pub(super) enum Speaks {
    H2,
    H1,
}

impl Server {
    pub(super) fn new(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Speaks::H2, 1000, script)
    }

    pub(super) fn start(
        speaks: Speaks,
        max_streams: u32,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let certified = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .unwrap();
        config.alpn_protocols = vec![match speaks {
            Speaks::H2 => b"h2".to_vec(),
            Speaks::H1 => b"http/1.1".to_vec(),
        }];
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            script: Arc::new(script),
            seen: Mutex::default(),
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            resumed: AtomicUsize::new(0),
            open: watch::channel(0).0,
            generation: watch::channel(0).0,
            max_streams,
        });
        let acceptor = TlsAcceptor::from(Arc::new(config));
        runtime.spawn(listen(listener, acceptor, speaks, Arc::clone(&state)));
        Self { port, ca_pem: certified.cert.pem(), state, _runtime: Runtime(Some(runtime)) }
    }

    /// Settings that reach this server: its name, its certificate, no proxy.
    pub(super) fn builder(&self) -> CachekitIoBuilder {
        CachekitIo::builder()
            .api_key(KEY)
            .api_url(format!("https://{HOST}:{}", self.port))
            .allow_custom_host(true)
            .allow_private_addresses(true)
            .ca_pem(self.ca_pem.clone())
            .proxy(false)
            .resolver(Fixed(vec![Ipv4Addr::LOCALHOST.into()]))
    }

    pub(super) fn client(&self) -> CachekitIo {
        self.builder().build().unwrap()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(super) fn resumed(&self) -> usize {
        self.state.resumed.load(Ordering::SeqCst)
    }

    /// Waits until so many connections are open.
    pub(super) async fn open(&self, wanted: usize) {
        let mut open = self.state.open.subscribe();
        open.wait_for(|open| *open == wanted).await.unwrap();
    }

    /// Closes every connection there is.
    pub(super) fn hang_up(&self) {
        self.state.generation.send_modify(|generation| *generation += 1);
    }
}

/// Answers every look-up with the same addresses.
#[derive(Debug)]
pub(super) struct Fixed(pub(super) Vec<IpAddr>);

impl Resolve for Fixed {
    fn resolve(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

async fn listen(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    speaks: Speaks,
    state: Arc<State>,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            let mut generation = state.generation.subscribe();
            let serving = async {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let number = state.connections.fetch_add(1, Ordering::SeqCst) + 1;
                if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                    state.resumed.fetch_add(1, Ordering::SeqCst);
                }
                let _open = Open::count(&state.open);
                match speaks {
                    Speaks::H2 => serve_h2(stream, &state, number).await,
                    Speaks::H1 => serve_h1(stream, &state, number).await,
                }
            };
            tokio::select! {
                () = serving => {}
                _ = generation.changed() => {}
            }
        });
    }
}

/// Counts an open connection.
struct Open<'a>(&'a watch::Sender<usize>);

impl<'a> Open<'a> {
    fn count(open: &'a watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl State {
    fn reply(&self, head: &http::request::Parts, body: Bytes, connection: usize) -> Reply {
        let seen = Seen {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            headers: head.headers.clone(),
            body,
            number: self.requests.fetch_add(1, Ordering::SeqCst),
            connection,
        };
        self.seen.lock().unwrap().push(seen.clone());
        (self.script)(&seen)
    }
}

/// What a stream asks of its connection.
enum Order {
    GoAway,
    Hangup,
}

async fn serve_h2(stream: TlsStream<TcpStream>, state: &Arc<State>, number: usize) {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 24);
    builder.max_concurrent_streams(state.max_streams);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let (orders, mut ordered) = tokio::sync::mpsc::unbounded_channel();
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                let (state, orders) = (Arc::clone(state), orders.clone());
                tokio::spawn(stream_h2(request, respond, state, number, orders));
            }
            Some(order) = ordered.recv() => match order {
                Order::GoAway => connection.graceful_shutdown(),
                Order::Hangup => return,
            },
        }
    }
}

async fn stream_h2(
    request: Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    state: Arc<State>,
    number: usize,
    orders: tokio::sync::mpsc::UnboundedSender<Order>,
) {
    let (head, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(piece)) = incoming.data().await {
        let _ = incoming.flow_control().release_capacity(piece.len());
        body.extend_from_slice(&piece);
    }
    let reply = state.reply(&head, body.into(), number);
    let is_head = head.method == Method::HEAD;
    let mut send = |response: Response<Bytes>| {
        let (head, body) = response.into_parts();
        let end = is_head || body.is_empty();
        let Ok(mut stream) = respond.send_response(Response::from_parts(head, ()), end) else {
            return;
        };
        if !end {
            let _ = stream.send_data(body, true);
        }
    };
    match reply {
        Reply::Answer(response) => send(response),
        Reply::GoAway(response) => {
            let _ = orders.send(Order::GoAway);
            send(response);
        }
        Reply::Half(response) => {
            let (head, body) = response.into_parts();
            let mut stream = respond.send_response(Response::from_parts(head, ()), false).unwrap();
            let _ = stream.send_data(body.slice(..body.len() / 2), false);
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        Reply::Head(response) => {
            let head = response.map(drop);
            let _stream = respond.send_response(head, false).unwrap();
            std::future::pending::<()>().await;
        }
        Reply::Reset(reason) => respond.send_reset(reason),
        Reply::Hangup => {
            let _ = orders.send(Order::Hangup);
            std::future::pending::<()>().await;
        }
        Reply::Stall => std::future::pending().await,
    }
}

async fn serve_h1(stream: TlsStream<TcpStream>, state: &Arc<State>, number: usize) {
    let service =
        hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
            let (head, body) = request.into_parts();
            let body =
                body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            match state.reply(&head, body, number) {
                Reply::Answer(response) => Ok::<_, Infallible>(response.map(Full::new)),
                _ => std::future::pending().await,
            }
        });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
