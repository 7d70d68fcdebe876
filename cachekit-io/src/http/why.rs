//! What to do about a failure, for those that a setting causes.

use super::failure::Failure;
use super::proxy::BoxError;
use super::resolver::Blocked;
use crate::BackendErrorKind;
use crate::attempts::Again;
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::error::Error;
use std::io;

/// There is no connection, because of this.
pub(super) fn not_connected(error: BoxError, is_direct: bool) -> Failure {
    if Blocked::is_cause_of(&*error) {
        let what = "the host resolves only to private or reserved addresses; a service of your own \
                    needs them allowed (CACHEKIT_ALLOW_PRIVATE_ADDRESSES)";
        return Failure::new(BackendErrorKind::Configuration, Again::Never, what);
    }
    match tls_error(&*error) {
        // Trying again does not make a certificate valid.
        Some(TlsError::InvalidCertificate(why)) => {
            Failure::transport(Again::Never, certificate(why), error)
        }
        Some(why) => Failure::transport(Again::Unprocessed, handshake(why), error),
        None => Failure::transport(Again::Unprocessed, connection(&*error, is_direct), error),
    }
}

/// What an answer's status asks the operator to look at; follows the answer itself.
pub(super) fn advice(status: u16) -> &'static str {
    match status {
        300..=399 => "; redirects are not followed: name the final address (CACHEKIT_API_URL)",
        401 => "; the service does not accept the API key (CACHEKIT_API_KEY)",
        403 => "; the API key (CACHEKIT_API_KEY) is not allowed to do this",
        404 | 405 => "; is this the API's address (CACHEKIT_API_URL)?",
        _ => "",
    }
}

fn certificate(why: &CertificateError) -> &'static str {
    use CertificateError as E;
    match why {
        E::UnknownIssuer | E::BadSignature => {
            "the TLS handshake failed: the certificate comes from an authority that is not trusted; name \
             that authority's PEM file (CACHEKIT_CA_FILE)"
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "the TLS handshake failed: the certificate is for another host name; use a name it has \
             (CACHEKIT_API_URL), or a certificate that has this one"
        }
        E::Expired | E::ExpiredContext { .. } => {
            "the TLS handshake failed: the certificate has expired; renew it at the service, unless the \
             clock of this machine is wrong"
        }
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "the TLS handshake failed: the certificate is not valid yet; look at the clock of this machine"
        }
        E::Other(_) => {
            "the TLS handshake failed: the certificate is not one for servers; have one issued by an \
             authority, and name that authority's PEM file (CACHEKIT_CA_FILE)"
        }
        _ => "the TLS handshake failed: the certificate is not valid",
    }
}

fn handshake(why: &TlsError) -> &'static str {
    match why {
        TlsError::InvalidMessage(_) => {
            "the TLS handshake failed: what answers does not speak TLS; look at the port \
             (CACHEKIT_API_URL)"
        }
        TlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "the TLS handshake failed: what answers speaks neither HTTP/2 nor HTTP/1.1; look at the port \
             (CACHEKIT_API_URL)"
        }
        _ => "the TLS handshake failed",
    }
}

fn connection(error: &(dyn Error + 'static), is_direct: bool) -> &'static str {
    if !is_direct {
        return "could not connect through the proxy that the environment names (HTTPS_PROXY, ALL_PROXY); \
                exclude the service with NO_PROXY if it is not for it";
    }
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => {
            "could not connect: nothing listens there; is the service running, and the address right \
             (CACHEKIT_API_URL)?"
        }
        _ if is_lookup(error) => {
            "could not connect: the host cannot be looked up; is its name right (CACHEKIT_API_URL)?"
        }
        _ => "could not connect; is the service reachable from here (CACHEKIT_API_URL)?",
    }
}

/// The chain of causes. I/O errors hide what they hold from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match held {
            Some(held) => Some(held as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// What TLS itself complained about, if it did.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// Whether it was the look-up that failed: the connector says so in words only.
fn is_lookup(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.to_string() == "dns error")
}
