//! How connections are opened. Settings that may change while the program runs are read for each of them:
//! passwords, certificates, and the addresses of a name.

use super::address::{Address, Login};
use super::connection::{Connection, ConnectionId, LinkWatcher, too_slow};
use super::failure::{Failure, Then};
use crate::BackendErrorKind;
use crate::runtime::{Background, Executor};
use crate::tls::{self, Identity, Roots};
use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo};
use rustls::pki_types::ServerName;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How many requests may queue for a connection that is busy writing.
const QUEUE: usize = 1024;

/// The source of the user and the password.
#[derive(Clone)]
pub(super) enum Credentials {
    Fixed(Login),
    /// The password is the file's first line.
    File(Option<String>, PathBuf),
    Provider(Arc<dyn Fn() -> Login + Send + Sync>),
}

impl Credentials {
    fn read(&self) -> Result<Login, Failure> {
        match self {
            Self::Fixed(login) => Ok(login.clone()),
            Self::Provider(provider) => Ok(provider()),
            Self::File(username, path) => {
                let password = read_password(path).map_err(|why| {
                    Failure::new(BackendErrorKind::Authentication, Then::Stop, why)
                })?;
                Ok(Login { username: username.clone(), password: Some(password) })
            }
        }
    }
}

/// The password of a file, without the end of its line.
pub(super) fn read_password(path: &Path) -> Result<String, &'static str> {
    let text = std::fs::read_to_string(path)
        .map_err(|_| "the password file (CACHEKIT_REDIS_PASSWORD_FILE) cannot be read")?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(password.to_owned()),
        _ => Err("the password file (CACHEKIT_REDIS_PASSWORD_FILE) is empty"),
    }
}

/// The files of a client certificate and of its key.
#[derive(Clone)]
pub(super) struct ClientCertificate {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The authorities to trust, and the certificate to show.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) roots: Roots,
    pub(super) ca_files: Vec<PathBuf>,
    pub(super) ca_pem: Vec<Vec<u8>>,
    pub(super) client: Option<ClientCertificate>,
}

impl Tls {
    /// The configuration from the current files.
    pub(super) fn read(&self) -> Result<rustls::ClientConfig, String> {
        let mut pem = self.ca_pem.clone();
        for path in &self.ca_files {
            pem.push(std::fs::read(path).map_err(|error| {
                format!("the CA file (CACHEKIT_CA_FILE) cannot be read: {}", error.kind())
            })?);
        }
        let identity = match &self.client {
            None => None,
            Some(client) => {
                let read = |path: &Path, variable: &str| {
                    std::fs::read(path).map_err(|error| {
                        format!("the file of {variable} cannot be read: {}", error.kind())
                    })
                };
                let certificate = read(&client.certificate, "CACHEKIT_REDIS_CERT_FILE")?;
                let key = read(&client.key, "CACHEKIT_REDIS_KEY_FILE")?;
                Some(Identity::from_pem(&certificate, &key)?)
            }
        };
        tls::configure(self.roots, &pem, identity)
    }
}

/// A socket to a server.
enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

/// Opens connections of one kind.
pub(super) struct Dialer {
    pub(super) tls: Option<Tls>,
    pub(super) credentials: Credentials,
    pub(super) database: u32,
    pub(super) resp3: bool,
    pub(super) connect_timeout: Duration,
    pub(super) background: Background,
    /// Whether the server must be a primary.
    pub(super) primary_only: bool,
    /// Is notified about the connections that are opened.
    pub(super) watcher: OnceLock<Arc<dyn LinkWatcher>>,
}

impl Dialer {
    /// The same for connections over which nothing is read.
    pub(super) fn unwatched(&self) -> Self {
        Self {
            tls: self.tls.clone(),
            credentials: self.credentials.clone(),
            watcher: OnceLock::new(),
            ..*self
        }
    }

    /// A connection that is driven by this executor.
    pub(super) async fn dial(
        &self,
        address: &Address,
        executor: &Executor,
    ) -> Result<Connection, Failure> {
        let deadline = Instant::now() + self.connect_timeout;
        let made = self.open(address, executor);
        self.background.before(deadline, made).await.unwrap_or_else(|| Err(too_slow()))
    }

    async fn open(&self, address: &Address, executor: &Executor) -> Result<Connection, Failure> {
        match self.connect(address).await? {
            Stream::Tcp(stream) => self.greet(stream, executor).await,
            Stream::Tls(stream) => self.greet(stream, executor).await,
            #[cfg(unix)]
            Stream::Unix(stream) => self.greet(stream, executor).await,
        }
    }

    /// A connection that subscribes to channels, on the background thread.
    ///
    /// It speaks RESP2, in which this works with every server.
    pub(super) async fn listen(&self, address: &Address) -> Result<PubSub, Failure> {
        let opened = async {
            let stream = self.connect(address).await?;
            let info = self.introduction(ProtocolVersion::RESP2)?;
            let made = match stream {
                Stream::Tcp(stream) => PubSub::new(&info, stream).await,
                Stream::Tls(stream) => PubSub::new(&info, stream).await,
                #[cfg(unix)]
                Stream::Unix(stream) => PubSub::new(&info, stream).await,
            };
            made.map_err(|error| Failure::of(&error))
        };
        let deadline = Instant::now() + self.connect_timeout;
        self.background.before(deadline, opened).await.unwrap_or_else(|| Err(too_slow()))
    }

    async fn connect(&self, address: &Address) -> Result<Stream, Failure> {
        match address {
            #[cfg(unix)]
            Address::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path.as_path()).await;
                Ok(Stream::Unix(stream.map_err(Failure::not_connected)?))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(Failure::new(
                BackendErrorKind::Configuration,
                Then::Stop,
                "this system has no Unix sockets",
            )),
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((&**host, *port)).await;
                let stream = stream.map_err(Failure::not_connected)?;
                // Requests are small, and each is waited for.
                stream.set_nodelay(true).map_err(Failure::not_connected)?;
                // Unsent data must not arrive after a connection is given up: the request may by then have been
                // sent again over another connection, and its entry deleted after that.
                stream.set_zero_linger().map_err(Failure::not_connected)?;
                let Some(tls) = &self.tls else { return Ok(Stream::Tcp(stream)) };
                let wrong = |why| Failure::new(BackendErrorKind::Configuration, Then::Stop, why);
                let config = tls.read().map_err(wrong)?;
                let name = ServerName::try_from(host.to_string())
                    .map_err(|_| wrong("the host's name cannot be in a certificate".to_owned()))?;
                let connector = TlsConnector::from(Arc::new(config));
                let stream = connector.connect(name, stream).await;
                Ok(Stream::Tls(Box::new(stream.map_err(Failure::not_connected)?)))
            }
        }
    }

    /// The first commands on a connection.
    fn introduction(&self, protocol: ProtocolVersion) -> Result<RedisConnectionInfo, Failure> {
        let login = self.credentials.read()?;
        let mut info = RedisConnectionInfo::default()
            .set_protocol(protocol)
            .set_db(i64::from(self.database))
            .set_lib_name("cachekit", env!("CARGO_PKG_VERSION"));
        if let Some(password) = login.password {
            info = info.set_password(password);
            if let Some(username) = login.username {
                info = info.set_username(username);
            }
        }
        Ok(info)
    }

    async fn greet<S>(&self, stream: S, executor: &Executor) -> Result<Connection, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let id = ConnectionId::next();
        let protocol = if self.resp3 { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 };
        let info = self.introduction(protocol)?;
        // Deadlines apply to whole operations.
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE);
        let watcher = self.watcher.get().filter(|_| self.resp3);
        if let Some(sink) = watcher.and_then(|watcher| watcher.push_sink(&id)) {
            config = config.set_push_sender(move |info| {
                sink(info);
                Ok::<_, ::redis::aio::SendError>(())
            });
        }
        let made = MultiplexedConnection::new_with_config(&info, stream, config).await;
        let (conn, driver) = made.map_err(|error| {
            if let Some(watcher) = watcher {
                watcher.closed(&id);
            }
            let failure = Failure::of(&error);
            match failure.then {
                // It never was a working connection.
                Then::Reconnect | Then::Login => failure.and_then(Then::Elsewhere),
                _ => failure,
            }
        })?;
        let connection =
            Connection::start(conn, driver, id, executor, self.background, watcher.cloned());
        if self.primary_only {
            let role = connection.ask(&::redis::cmd("ROLE")).await?;
            if !is_primary(&role) {
                return Err(Failure::new(
                    BackendErrorKind::Transient,
                    Then::Elsewhere,
                    "the Sentinels name a server that is not a primary",
                ));
            }
        }
        Ok(connection)
    }
}

fn is_primary(role: &::redis::Value) -> bool {
    let ::redis::Value::Array(parts) = role else { return false };
    match parts.first() {
        Some(::redis::Value::BulkString(name)) => name == b"master",
        Some(::redis::Value::SimpleString(name)) => name == "master",
        _ => false,
    }
}
