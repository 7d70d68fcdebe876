//! What went wrong with one attempt, and what may be done about it.

use super::address::Address;
use crate::attempts::{Again, Says, When};
use crate::{BackendError, BackendErrorKind, Operation};
use ::redis::{ErrorKind, RedisError, ServerError};
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It would end the same way.
    Stop,
    /// The connection was lost with the request under way: another may do it, perhaps a second time.
    Reconnect,
    /// There is no connection. A group may have another server by now.
    Elsewhere,
    /// The server is no primary any more.
    Demoted,
    /// The server does not know this connection's user any more.
    Login,
    /// A group needs a moment.
    Wait,
    /// The slot is with another node.
    Moved(u16, Address),
    /// This once, another node.
    Ask(Address),
    /// The script has to be sent in full.
    SendScript,
}

/// A failed attempt. Attempts that wait for one connection share its failure, hence `Clone`.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) kind: BackendErrorKind,
    pub(super) then: Then,
    pub(super) context: Cow<'static, str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
    /// An attempt before it may have taken effect.
    is_repetition: bool,
}

impl Failure {
    #[cold]
    pub(super) fn new(
        kind: BackendErrorKind,
        then: Then,
        context: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { kind, then, context: context.into(), source: None, is_repetition: false }
    }

    /// What it says of another attempt. A redirect is to be followed first.
    pub(super) fn says(&self) -> Says {
        let (again, when) = match self.then {
            Then::Stop | Then::SendScript => (Again::Never, When::Later),
            Then::Reconnect => (Again::IfRepeatable, When::AtOnce),
            // The server answered, and did nothing.
            Then::Demoted | Then::Login => (Again::Unprocessed, When::AtOnce),
            Then::Elsewhere | Then::Wait | Then::Moved(..) | Then::Ask(_) => {
                (Again::Unprocessed, When::Later)
            }
        };
        Says { again, when, retry_after: None }
    }

    /// Notes whether an attempt before it may have taken effect.
    pub(super) fn after(mut self, may_have_happened: bool) -> Self {
        self.is_repetition |= may_have_happened;
        self
    }

    /// The same failure, with another consequence.
    pub(super) fn and_then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    /// What the server answered makes no sense.
    #[cold]
    pub(super) fn malformed() -> Self {
        Self::new(BackendErrorKind::Transient, Then::Stop, "the server's answer makes no sense")
    }

    /// There is no connection, because of this.
    #[cold]
    pub(super) fn not_connected(error: io::Error) -> Self {
        let (then, context) = match tls_error(&error) {
            // Trying again does not make a certificate valid.
            Some(TlsError::InvalidCertificate(why)) => (Then::Stop, certificate(why)),
            Some(why) => (Then::Elsewhere, handshake(why)),
            None => (Then::Elsewhere, connection(&error)),
        };
        let mut failure = Self::new(BackendErrorKind::Transient, then, context);
        failure.source = Some(Arc::new(error));
        failure
    }

    /// What the crate reports about a request, or about the first words on a connection.
    #[cold]
    pub(super) fn of(error: &RedisError) -> Self {
        use BackendErrorKind as K;
        match error.kind() {
            ErrorKind::Io => Self::new(K::Transient, Then::Reconnect, "the connection was lost"),
            ErrorKind::AuthenticationFailed => denied(),
            ErrorKind::Parse => {
                Self::new(K::Transient, Then::Reconnect, "the server does not speak Redis")
            }
            ErrorKind::RESP3NotSupported => Self::new(
                K::Configuration,
                Then::Stop,
                "the server does not speak RESP3; add ?protocol=resp2 to the URL",
            ),
            _ => {
                Self::answered(error.code().unwrap_or_default(), error.detail().unwrap_or_default())
            }
        }
    }

    /// What the server answered to a request.
    #[cold]
    pub(super) fn server(error: &ServerError) -> Self {
        Self::answered(error.code(), error.details().unwrap_or_default())
    }

    /// The detail is looked at and never shown: it may repeat arguments.
    fn answered(code: &str, detail: &str) -> Self {
        use BackendErrorKind as K;
        let with = |kind, then, context: &'static str| Self::new(kind, then, context);
        match code {
            "MOVED" => {
                moved(redirect(detail).map_or(Then::Wait, |(slot, to)| Then::Moved(slot, to)))
            }
            "ASK" => moved(redirect(detail).map_or(Then::Wait, |(_, to)| Then::Ask(to))),
            "NOSCRIPT" => with(K::Transient, Then::SendScript, "the server forgot a script"),
            "READONLY" => {
                with(K::Transient, Then::Demoted, "the server is a replica and takes no writes")
            }
            "LOADING" => with(K::Transient, Then::Wait, "the server is loading its data"),
            "CLUSTERDOWN" => with(K::Transient, Then::Wait, "the Cluster is down"),
            "MASTERDOWN" => with(K::Transient, Then::Wait, "the server lost its primary"),
            "TRYAGAIN" => with(K::Transient, Then::Wait, "the slot is moving between nodes"),
            "BUSY" => with(K::Transient, Then::Stop, "the server is busy with a script"),
            "NOREPLICAS" => {
                with(K::Transient, Then::Stop, "the server misses replicas and takes no writes")
            }
            "MISCONF" => with(
                K::Transient,
                Then::Stop,
                "the server cannot save its data and takes no writes (MISCONF)",
            ),
            // Reads and deletes go on: a breaker must not open for it.
            "OOM" => with(
                K::Backpressure,
                Then::Stop,
                "the server is out of memory (OOM); give it more, or a policy to evict by",
            ),
            "NOAUTH" => denied().and_then(Then::Login),
            "WRONGPASS" => denied(),
            "NOPERM" => with(
                K::Authentication,
                Then::Stop,
                "the user may not do this (NOPERM); see the documentation for the permissions needed",
            ),
            "WRONGTYPE" => {
                with(K::Permanent, Then::Stop, "there is something else than a value (WRONGTYPE)")
            }
            "EXECABORT" => with(K::Transient, Then::Stop, "the transaction was refused"),
            "ERR" if detail.starts_with("max number of clients") => {
                with(K::Transient, Then::Elsewhere, "the server takes no more connections")
            }
            "ERR" if detail.starts_with("DB index") || detail.contains("SELECT is not allowed") => {
                with(K::Configuration, Then::Stop, "the server has no database of that number")
            }
            "ERR" if detail.contains("AUTH") && detail.contains("without any password") => with(
                K::Authentication,
                Then::Stop,
                "the server knows no password, but the settings have one",
            ),
            // Older servers wrap what a command of a script was refused for.
            "ERR" if detail.starts_with("Error running script") => {
                let inner = ["READONLY", "OOM", "NOPERM", "CLUSTERDOWN", "MISCONF", "NOREPLICAS"];
                match inner.into_iter().find(|code| detail.contains(code)) {
                    Some(code) => Self::answered(code, ""),
                    None => with(K::Permanent, Then::Stop, "the server cannot run a script"),
                }
            }
            "ERR" if detail.starts_with("unknown command") => {
                with(K::Unsupported, Then::Stop, "the server does not know the command")
            }
            code => {
                let is_plain =
                    code.len() <= 24 && code.bytes().all(|byte| byte.is_ascii_uppercase());
                let code = if is_plain && !code.is_empty() { code } else { "an error" };
                Self::new(K::Permanent, Then::Stop, format!("the server answered {code}"))
            }
        }
    }

    /// As the caller of an operation sees it.
    #[cold]
    pub(super) fn into_error(self, operation: Operation, key: Option<&str>) -> BackendError {
        let says = self.says();
        let mut error = BackendError::new(self.kind, operation).with_context(self.context);
        if let Some(key) = key {
            error = error.with_key(key);
        }
        if says.again == Again::Unprocessed && error.is_retryable() && !self.is_repetition {
            error = error.with_unprocessed();
        }
        if let Some(source) = self.source {
            error = error.with_source(Shared(source));
        }
        error
    }
}

fn denied() -> Failure {
    Failure::new(
        BackendErrorKind::Authentication,
        Then::Stop,
        "the server does not accept the user and password (CACHEKIT_REDIS_URL)",
    )
}

/// Reported only where the URL takes a node of a Cluster for a single server.
fn moved(then: Then) -> Failure {
    Failure::new(
        BackendErrorKind::Configuration,
        then,
        "the server is part of a Cluster: write the URL as redis-cluster://",
    )
}

/// `slot host:port`. Nothing where a node does not tell the host: the others have to be asked then.
fn redirect(detail: &str) -> Option<(u16, Address)> {
    let (slot, address) = detail.split_once(' ')?;
    let (host, port) = address.trim().rsplit_once(':').filter(|(host, _)| !host.is_empty())?;
    Some((slot.parse().ok()?, Address::tcp(host, port.parse().ok()?)))
}

/// One source of several errors.
#[derive(Debug)]
struct Shared(Arc<dyn Error + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Shared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn certificate(why: &CertificateError) -> &'static str {
    use CertificateError as E;
    match why {
        E::UnknownIssuer | E::BadSignature => {
            "the TLS handshake failed: the certificate comes from an authority that is not trusted; name \
             that authority's PEM file (CACHEKIT_CA_FILE)"
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "the TLS handshake failed: the certificate is for another host name; use a name it has, or a \
             certificate that has this one"
        }
        E::Expired | E::ExpiredContext { .. } => {
            "the TLS handshake failed: the certificate has expired; renew it at the server, unless the \
             clock of this machine is wrong"
        }
        _ => "the TLS handshake failed: the certificate is not valid",
    }
}

fn handshake(why: &TlsError) -> &'static str {
    match why {
        TlsError::InvalidMessage(_) => {
            "the TLS handshake failed: what answers does not speak TLS; look at the port and at the `s` of \
             rediss://"
        }
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            "the TLS handshake failed: the server wants a certificate from its clients"
        }
        _ => "the TLS handshake failed",
    }
}

fn connection(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "could not connect: nothing listens there; is the server running, and the address right?"
        }
        io::ErrorKind::NotFound => "could not connect: there is no such socket",
        io::ErrorKind::PermissionDenied => "could not connect: this user may not use the socket",
        _ => "could not connect; is the server reachable from here, and its name right?",
    }
}
