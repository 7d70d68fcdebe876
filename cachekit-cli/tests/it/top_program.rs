//! `cachekit top` of a program: the router of its page, by each way to it, with a token, and with names that a terminal
//! would obey.

use crate::support::{Ended, Files, Run};
use crate::terminal::Terminal;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use cachekit_io::testing::{Fault, FaultyBackend};
use cachekit_io::{BackendErrorKind, MemoryBackend};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const TOKEN: &str = "quail-xylophone-vow-kiwi";

/// A program that serves this router until it is dropped.
struct Program {
    address: SocketAddr,
    runtime: Runtime,
}

impl Program {
    fn serve(router: Router) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bound");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, runtime }
    }

    /// With the page at `/cache`.
    fn start() -> Self {
        Self::serve(page())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A port of its own where the same is served over TLS; its authority goes into this file.
    fn over_tls(&self, files: &Files, ca: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        let ca = files.write(ca, made.cert.pem());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bound");
        let port = listener.local_addr().expect("an address").port();
        let plain = self.address;
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust the certificate ends it here.
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let mut inside = TcpStream::connect(plain).await.expect("it is there");
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        (format!("https://localhost:{port}/cache"), ca)
    }
}

fn page() -> Router {
    Router::new().nest("/cache", cachekit::page::router())
}

/// The page behind a check of the token, as a program would have it.
fn guarded() -> Router {
    let check = async |request: Request, next: Next| -> Response {
        match request.headers().get("authorization") {
            None => StatusCode::UNAUTHORIZED.into_response(),
            Some(token) if token == format!("Bearer {TOKEN}").as_str() => next.run(request).await,
            Some(_) => StatusCode::FORBIDDEN.into_response(),
        }
    };
    page().layer(middleware::from_fn(check))
}

fn json(ended: &Ended) -> Value {
    serde_json::from_slice(&ended.succeeded().out).expect("JSON")
}

/// The functions of a test, in the order in which they are shown.
fn of<'a>(json: &'a Value, test: &str) -> Vec<(&'a str, &'a Value)> {
    let prefix = format!("{}::{test}::", module_path!());
    let functions = json["functions"].as_array().expect("a list");
    let named = functions.iter().map(|it| (it["cache"].as_str().expect("a name"), it));
    named.filter_map(|(name, function)| Some((name.strip_prefix(&prefix)?, function))).collect()
}

#[test]
fn functions_are_shown_by_the_worst_hit_ratio() {
    #[cachekit::cache::local]
    fn good(n: u64) -> u64 {
        n
    }

    #[cachekit::cache::local]
    fn bad(n: u64) -> Result<u64, String> {
        if n > 2 { Err("secret-in-an-error".to_owned()) } else { Ok(n) }
    }

    #[cachekit::cache::local]
    fn never_called(n: u64) -> u64 {
        n
    }

    let program = Program::start();
    for n in [1, 1, 1, 1] {
        good(n);
    }
    for n in [1, 2, 2, 3, 4] {
        let _ = bad(n);
    }
    let _ = never_called;

    // The page itself, with a slash, and its JSON.
    for path in ["/cache", "/cache/", "/cache/functions"] {
        let json = json(&Run::new(&["top", &program.url(path), "--json"]).end());
        assert_eq!((&json["kind"], &json["span_seconds"]), (&"program".into(), &Value::Null));
        let shown = of(&json, "functions_are_shown_by_the_worst_hit_ratio");
        let [("bad", bad), ("good", good), ("never_called", idle)] = shown[..] else {
            panic!("{shown:?}");
        };
        assert_eq!((&bad["hit_ratio"], &bad["hits"]), (&0.2.into(), &1.0.into()));
        assert_eq!((&bad["misses"], &bad["failed"]), (&4.0.into(), &2.0.into()));
        assert_eq!(bad["last_failure"]["what"], "error");
        assert!(bad["fill_p99_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
        assert_eq!((&good["hit_ratio"], &good["entries"]), (&0.75.into(), &1.into()));
        assert_eq!((&idle["hit_ratio"], &idle["fill_p50_seconds"]), (&Value::Null, &Value::Null));
    }
    let ended = Run::new(&["top", &program.url("/cache"), "--once"]).end();
    let text = ended.succeeded().text();
    assert!(text.starts_with(&program.url("/cache  all since the start\n")), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 80), "{text}");
    let line = |name: &str| text.lines().position(|line| line.contains(name)).expect(name);
    assert!(line("worst_hit_ratio::bad  ") < line("orst_hit_ratio::good  "), "{text}");
    assert!(!text.contains("secret-in"), "{text}");
}

#[test]
fn a_backend_shows_its_breaker_and_what_failed() {
    static BACKEND: LazyLock<Arc<FaultyBackend>> =
        LazyLock::new(|| Arc::new(FaultyBackend::new(MemoryBackend::new())));

    #[cachekit::cache(namespace = "top", backend = &*BACKEND)]
    fn through(n: u64) -> u64 {
        n
    }

    let program = Program::start();
    BACKEND.inject(Fault::fail(BackendErrorKind::Transient));
    for n in 0..20 {
        through(n);
    }
    let url = program.url("/cache");
    let json = json(&Run::new(&["top", &url, "--json"]).end());
    let backend = &json["backends"][0];
    assert_eq!(backend["breaker"], "open", "{json}");
    assert!(backend["operations"].as_f64().is_some_and(|count| count > 0.0), "{json}");
    let what = backend["last_failure"]["what"].as_str().expect("a failure");
    assert!(what.ends_with(": transient"), "{what}");
    let ended = Run::new(&["top", &url]).end();
    let text = ended.succeeded().text();
    let line = text.lines().find(|line| line.contains(": transient, ")).expect("the backend");
    assert!(line.contains("   open ") && line.ends_with(" ago"), "{text}");
}

#[test]
fn a_token_comes_from_the_environment_or_a_file_and_is_never_shown() {
    let files = Files::new();
    let program = Program::serve(guarded());
    let url = program.url("/cache");
    let top = |more: &[&str]| {
        let arguments = [&["top", &url, "--json"][..], more].concat();
        Run::new(&arguments).secret(TOKEN)
    };
    top(&[]).end().failed(3, "CACHEKIT_TOP_TOKEN");
    top(&[]).env("CACHEKIT_TOP_TOKEN", "wrong-wrong-wrong").end().failed(3, "does not take");
    top(&[]).env("CACHEKIT_TOP_TOKEN", "two words-of-it").end().failed(2, "visible ASCII");
    top(&[]).env("CACHEKIT_TOP_TOKEN", TOKEN).end().succeeded();

    let file = files.write("token", format!("{TOKEN}\n"));
    top(&["--token-file", &file]).end().succeeded();
    top(&[]).setting("CACHEKIT_TOP_TOKEN_FILE", &file).end().succeeded();
    // The option goes before the environment.
    let wrong = top(&["--token-file", &file]).env("CACHEKIT_TOP_TOKEN", "wrong-wrong-wrong");
    wrong.end().succeeded();
    let both = top(&[]).env("CACHEKIT_TOP_TOKEN", TOKEN);
    both.setting("CACHEKIT_TOP_TOKEN_FILE", &file).end().failed(2, "set at once");
    top(&["--token-file", &files.name("none")]).end().failed(1, "cannot read");
    let empty = files.write("empty", "\n");
    top(&["--token-file", &empty]).end().failed(2, "visible ASCII");
}

#[test]
fn a_token_is_sent_where_nobody_else_can_read_it() {
    let files = Files::new();
    let program = Program::serve(guarded());
    // An address for documentation: a connection would fail in another way.
    let far = Run::new(&["top", "http://192.0.2.1/cache"]).env("CACHEKIT_TOP_TOKEN", TOKEN);
    far.end().failed(2, "https://");

    let (url, ca) = program.over_tls(&files, "ca.pem");
    let top = || Run::new(&["top", &url, "--json"]).env("CACHEKIT_TOP_TOKEN", TOKEN);
    assert_eq!(json(&top().setting("CACHEKIT_TOP_CA_FILE", &ca).end())["kind"], "program");
    // Not one of Mozilla's authorities.
    top().end().failed(1, "cannot read");
    let (_, other) = program.over_tls(&files, "other.pem");
    top().setting("CACHEKIT_TOP_CA_FILE", &other).end().failed(1, "cannot read");
    let none = files.write("none.pem", "no certificate");
    top().setting("CACHEKIT_TOP_CA_FILE", &none).end().failed(2, "CACHEKIT_TOP_CA_FILE");
}

#[test]
fn a_token_is_not_handed_on_by_a_redirect() {
    let other = Program::serve(guarded());
    let to = other.url("/cache/functions");
    let redirect = axum::response::Redirect::temporary(&to);
    let program = Program::serve(Router::new().fallback(async move || redirect.clone()));
    let run = Run::new(&["top", &program.url("/cache")]).env("CACHEKIT_TOP_TOKEN", TOKEN);
    run.end().failed(1, "status 307");
}

/// What a program, or what stands before it, may answer to harm the operator's terminal.
const HOSTILE: &str = "\u{1b}]0;title\u{7}\u{9b}31m\u{202e}\r\u{8}\u{7f}";

fn assert_harmless(ended: &Ended) {
    for text in [String::from_utf8(ended.out.clone()).expect("text"), ended.said.clone()] {
        for character in text.chars().filter(|character| *character != '\n') {
            assert!(!character.is_control() && character != '\u{202e}', "{text:?}");
        }
    }
}

#[test]
fn names_from_elsewhere_do_nothing_to_the_terminal() {
    let failure = serde_json::json!({ "outcome": HOSTILE, "at_unix_ms": 0, "operation": HOSTILE, "kind": HOSTILE });
    let figures = serde_json::json!({
        "now_unix_ms": 0,
        "functions": [{
            "cache": format!("a{HOSTILE}b"), "last_failure": failure,
            "stats": {"hits": 1, "misses": 1, "shared_hits": 0, "entries": 0},
            "fills": {"error": 1, "panic": 0, "cancelled": 0}, "fill_seconds": null,
        }],
        "backends": [{"backend": HOSTILE, "breaker": HOSTILE, "operations": [], "last_failure": failure}],
    });
    let figures = figures.to_string();
    let program =
        Program::serve(Router::new().route("/functions", get(async move || figures.clone())));
    for style in ["--once", "--json"] {
        let ended = Run::new(&["top", &program.url(""), style]).end();
        assert_harmless(ended.succeeded());
        assert!(ended.text().contains("title"), "{}", ended.text());
    }
    let json = json(&Run::new(&["top", &program.url(""), "--json"]).end());
    assert_eq!(json["functions"][0]["cache"], format!("a{HOSTILE}b"), "programs get what it is");

    let metrics = format!(
        "cachekit_server_build_info{{version=\"{HOSTILE}\"}} 1\n\
         cachekit_server_requests_total{{operation=\"{HOSTILE}\",code=\"200\"}} 1\n"
    )
    .replace('\r', "");
    let server =
        Program::serve(Router::new().route("/metrics", get(async move || metrics.clone())));
    for style in ["--once", "--json"] {
        assert_harmless(Run::new(&["top", &server.url(""), style]).end().succeeded());
    }
}

#[test]
fn what_is_neither_is_told() {
    let program = Program::serve(page().route("/metrics", get(async || "other_metrics 1\n")));
    Run::new(&["top", &program.url("")]).end().failed(2, "or of a program's functions");
    Run::new(&["top", &program.url("/nowhere")]).end().failed(1, "status 404");
    let url = format!("http://{}/cache?token=in-the-history", program.address);
    Run::new(&["top", &url]).secret("in-the-history").end().failed(2, "--token-file");
}

#[test]
fn on_a_terminal_hits_are_seen_to_arrive() {
    #[cachekit::cache::local]
    fn watched(n: u64) -> u64 {
        n
    }

    let program = Program::start();
    let url = program.url("/cache");
    watched(1);
    let mut terminal = Terminal::open(&["top", &url, "--interval", "100ms"]);
    terminal.until("all since the start");
    terminal.until("per second");
    terminal.until("seen_to_arrive::watched");
    drop(program);
    terminal.until("cannot read");
    let seen = terminal.end_with("\u{1b}");
    assert!(seen.trim_end().contains("\u{1b}[?1049l"), "the screen is given back");
}
