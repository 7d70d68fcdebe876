//! Resolving host names, and refusing addresses that are not allowed.

use super::address::reach;
use crate::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// Resolves the addresses of a host name.
///
/// Whatever it returns, the client connects to no address that its settings do not allow.
// Part of the interface with the feature `testing` only.
#[cfg_attr(not(any(test, feature = "testing")), allow(unreachable_pub))]
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// The addresses of this host; runs on a tokio runtime.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// Uses the operating system's resolver, like every other program.
#[derive(Debug)]
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A resolver for the connector that drops addresses that must not be connected to.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    resolver: Arc<dyn Resolve>,
    check: Option<Check>,
}

/// Which of the resolved addresses to keep.
#[derive(Clone, Copy, Debug)]
struct Check {
    private_too: bool,
}

impl Checked {
    /// For the service itself.
    pub(super) fn new(resolver: Arc<dyn Resolve>, private_too: bool) -> Self {
        Self { resolver, check: Some(Check { private_too }) }
    }

    /// For a proxy: the operator's own choice, and usually a private address.
    pub(super) fn unchecked(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, check: None }
    }
}

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let looking_up = self.resolver.resolve(name.as_str());
        let check = self.check;
        Box::pin(async move {
            let mut addresses = looking_up.await?;
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
            }
            if let Some(Check { private_too }) = check {
                addresses.retain(|&address| reach(address).is_allowed(private_too));
                if addresses.is_empty() {
                    return Err(io::Error::new(io::ErrorKind::PermissionDenied, Blocked));
                }
            }
            // The connector sets the port.
            let addresses: Vec<_> =
                addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(addresses.into_iter())
        })
    }
}

/// All addresses of the host are private or reserved.
#[derive(Debug)]
pub(super) struct Blocked;

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host resolves only to private or reserved addresses")
    }
}

impl std::error::Error for Blocked {}

impl Blocked {
    /// Whether this is why a connection failed.
    pub(super) fn is_cause_of(error: &(dyn std::error::Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(error) = next {
            if error.is::<Self>() {
                return true;
            }
            // The source of an io::Error is the source of the error it wraps, not that error itself.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if matches!(wrapped, Some(inner) if inner.is::<Self>()) {
                return true;
            }
            next = error.source();
        }
        false
    }
}
