//! Whatever a server answers, the client gives bytes that were sent, or an error.
//!
//! The input is what the server writes on an HTTP/1.1 connection, after which it hangs up.
#![no_main]

use cachekit_io::{BackendError, CachekitIo, Fetched};
use libfuzzer_sys::fuzz_target;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Target {
    runtime: Runtime,
    client: CachekitIo,
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("key and certificate belong together");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up first is no finding.
            let _ = serve(stream, &config);
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let client = CachekitIo::builder()
        .api_key("ck_live_0123456789abcdef0123456789abcdef")
        .api_url(format!("https://localhost:{port}"))
        .allow_custom_host(true)
        .allow_private_addresses(true)
        .ca_pem(made.cert.pem())
        .native_roots(false)
        .proxy(false)
        .max_retries(0)
        .timeout(Duration::from_secs(10))
        .build()
        .expect("the settings fit");
    Target { runtime, client }
});

/// One request, one answer, and the end of the connection.
fn serve(stream: TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let (mut request, mut piece) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    let answer = ANSWER.lock().expect("no panic").clone();
    stream.write_all(&answer)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.shutdown(Shutdown::Write)
}

fuzz_target!(|input: &[u8]| {
    let Target { runtime, client } = &*TARGET;
    input.clone_into(&mut ANSWER.lock().expect("no panic"));
    let got: Result<Option<Fetched>, BackendError> = runtime.block_on(client.get("k"));
    let Ok(Some(value)) = got else { return };
    // Only an answer with 200 is a value, and chunks may have been put together, so every piece of it
    // has to be there, in order.
    let mut sent = input.iter();
    assert!(value.value().iter().all(|byte| sent.any(|other| other == byte)), "bytes from nowhere");
    // A status line may end without a reason, and with a bare line feed (RFC 9112, section 2.2).
    let says_200 = |piece: &[u8]| [b" 200 ", b" 200\r", b" 200\n"].iter().any(|end| piece == *end);
    assert!(input.windows(5).any(says_200), "no 200");
});
