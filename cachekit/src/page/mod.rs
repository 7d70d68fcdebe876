//! Every annotated function as JSON and as a page, in an axum router (feature `axum`).
//!
//! ```
//! use axum::Router;
//!
//! let app: Router = Router::new().nest("/cache", cachekit::page::router());
//! # let _ = app;
//! ```
//!
//! | path | what |
//! |--|--|
//! | `GET /` | the page: one document that loads nothing else |
//! | `GET /functions` | the same as JSON, for programs |
//! | `POST /clear`, `/purge`, `/invalidate` | with a token, if [`Page::allow_changes`] sets one |
//!
//! The page shows the state of this process: the hit ratio over time, functions sorted by the time spent in misses,
//! runs and their durations, the durations of backend operations and the state of the circuit breakers, and the last
//! failures. It holds no key, no tenant, no value and no text of an error. It names the program's functions and their
//! files, so put it next to the program's other internal pages, behind the same authentication.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};

use self::history::History;
use self::token::Token;
use crate::contained::contained;
use crate::handle::Invalidated;
use crate::observe;
use crate::report;

mod change;
mod fields;
mod figures;
mod history;
mod nonce;
mod token;

/// How often the hit ratio is sampled by default.
const PERIOD: Duration = Duration::from_secs(5);

/// The page and its JSON, read-only. See [`Page`] for more.
///
/// # Example
///
/// ```
/// let app: axum::Router = axum::Router::new().nest("/cache", cachekit::page::router());
/// # let _ = app;
/// ```
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Page::new().router()
}

/// What an invalidation of a page does with the entered argument.
type Invalidation = Arc<dyn Fn(&str) -> Result<Invalidated, String> + Send + Sync>;

/// The page, to be configured.
///
/// # Example
///
/// ```
/// #[cachekit::cache::local(ttl = 60)]
/// fn user(id: u64) -> String { format!("user {id}") }
///
/// # let token_from_the_environment = || "0123456789abcdef".to_owned();
/// let page = cachekit::page::Page::new()
///     .allow_changes(token_from_the_environment())
///     .invalidation("user", |id| {
///         let id = id.parse().map_err(|_| "a user's id is a number")?;
///         Ok(user::invalidate(&id))
///     });
/// let app: axum::Router = axum::Router::new().nest("/cache", page.router());
/// # let _ = app;
/// ```
#[must_use = "a page is served by its router"]
pub struct Page {
    period: Duration,
    token: Option<Token>,
    invalidations: Vec<(String, Invalidation)>,
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

impl Page {
    /// A read-only page.
    pub fn new() -> Self {
        Self { period: PERIOD, token: None, invalidations: Vec::new() }
    }

    /// How often the hit ratio is sampled: 5 seconds unless set, 100 milliseconds at least. The last 120 samples are shown.
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period.max(Duration::from_millis(100));
        self
    }

    /// Lets requests with this token clear functions, drop expired entries, and call the
    /// [invalidations](Self::invalidation).
    ///
    /// Requests send it as `Authorization: Bearer …`. It is compared in constant time, and never logged.
    ///
    /// # Panics
    ///
    /// If the token is shorter than 16 bytes, or contains anything but visible ASCII.
    pub fn allow_changes(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Token::new(token.into()));
        self
    }

    /// Adds an invalidation to the page, under a name. The entered argument is passed to `invalidate`, which calls a
    /// companion with it. Only available together with [`allow_changes`](Self::allow_changes).
    ///
    /// An `Err` is shown on the page. The closure may block; to await the companion of an async function, use
    /// `tokio::runtime::Handle::current().block_on(…)`.
    pub fn invalidation<F>(mut self, name: impl Into<String>, invalidate: F) -> Self
    where
        F: Fn(&str) -> Result<Invalidated, String> + Send + Sync + 'static,
    {
        self.invalidations.push((name.into(), Arc::new(invalidate)));
        self
    }

    /// The router, to be nested where the page should be.
    ///
    /// From now on runs and backend operations are measured.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        observe::measure();
        let history = History::start(self.period);
        let serving =
            Arc::new(Serving { history, token: self.token, invalidations: self.invalidations });
        let reading = Arc::clone(&serving);
        let mut router = Router::new()
            .route("/", get(async || page()))
            .route("/functions", get(async move || reading.figures()));
        if serving.token.is_some() {
            for change in change::Change::ALL {
                let serving = Arc::clone(&serving);
                let made = async move |request: Request| serving.change(change, request).await;
                router = router.route(change.path(), post(made));
            }
            router = router.layer(DefaultBodyLimit::max(change::MOST));
        }
        router
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let invalidations: Vec<_> = self.invalidations.iter().map(|(name, _)| name).collect();
        f.debug_struct("Page")
            .field("period", &self.period)
            .field("allows_changes", &self.token.is_some())
            .field("invalidations", &invalidations)
            .finish_non_exhaustive()
    }
}

/// The state that requests are served from.
struct Serving {
    history: Arc<History>,
    token: Option<Token>,
    invalidations: Vec<(String, Invalidation)>,
}

impl Serving {
    fn figures(&self) -> Response {
        let changes = self
            .token
            .is_some()
            .then(|| self.invalidations.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
        self.history.sampled();
        let figures = figures::figures(&report::all(), &self.history, changes);
        json(StatusCode::OK, &figures)
    }
}

/// The page. It requests everything that it shows from `/functions`.
fn page() -> Response {
    const INDEX: &str = include_str!("index.html");
    let nonce = nonce::nonce();
    let mut response = Response::new(Body::from(INDEX.replace("{nonce}", &nonce)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    secured(response)
}

/// An answer for programs.
fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    secured(response)
}

/// Adds headers: the response is not stored, its type is not guessed, and other sites cannot read it.
fn secured(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Runs the user's code. A panic of it becomes an answer.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    contained(run).unwrap_or_else(|| Err("it panicked".to_owned()))
}
