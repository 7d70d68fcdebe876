//! The attributes of `cachekit`. Use them through that crate: generated code names its runtime.
//!
//! [`macro@cache`] describes every option. [`macro@local`] is the same for values that stay in this
//! process, [`macro@io`] for those that are shared through cachekit.io, [`macro@secure`] for those that are
//! sealed.
//!
//! # How it works
//!
//! ```text
//! lib ──► model ──► expand           model: a validated function, or all mistakes at once
//!           │         │              expand: cannot fail
//!           ▼         ▼
//!     args, signature ──► diagnostics
//! ```
//!
//! The body of a function is never parsed and appears in the output once. The attribute adds a look-up
//! before it and calls into `cachekit::__private`. That module is the whole
//! interface between the two crates, which are released together.

#![forbid(unsafe_code)]
// If the documentation is built with a nightly compiler, the attributes say which feature they need.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod args;
mod expand;
mod model;
mod signature;

mod crate_path;
mod diagnostics;
mod duration;
mod fallback;
mod fragments;
mod names;
mod template;

#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

use crate::model::{Model, Tier};

/// Caches the results of a function.
///
/// ```ignore
/// use cachekit::cache;
///
/// #[cache(ttl = "5m")]
/// async fn user(id: u64) -> Result<User, DbError> {
///     db().load_user(id).await
/// }
/// ```
///
/// The function keeps its signature. A call first looks for the value of its arguments in this process,
/// then in the shared tier, if one is configured; only then does the body run. Concurrent callers of the same
/// value wait for one run.
///
/// Without options entries do not expire, and the 10,000 most useful ones are kept.
///
/// # Where it goes
///
/// On free functions, on methods of inherent and trait `impl`s, and on provided methods of traits; sync
/// and `async`, also under `#[async_trait]` and with a boxed or `impl Future` return type; with generics,
/// `const` generics, borrowed arguments, `impl Trait` arguments and patterns. The value must own its data
/// and be `Clone + Send + Sync`. With `#[cache]` it must also be `serde::Serialize` and
/// `serde::Deserialize`, because it may leave the process; [`macro@local`] requires neither.
///
/// # What is stored
///
/// Values are stored, including `Some`, `None` and `Ok`. An `Err` goes to its callers and is not stored
/// unless `ttl(err = …)` says for how long.
///
/// # The companion
///
/// Each free function gets a type of the same name, which is imported along with it:
///
/// ```ignore
/// user::invalidate(&42).await;    // drop an entry
/// user::peek(&42).await;          // look at it, without running the function
/// user::contains(&42).await;      // is there one?
/// user::set(&42, Ok(jane)).await; // put one there
/// user::refresh(42).await;        // run the function and replace it
/// user::with(&42, |jane| jane.id); // look at the value in place, without a copy
/// user::explain(&42).await;       // which tier would answer a call, and why
/// user::key(&42);                 // identifies the call, for logs
/// user::stats();                  // counters of the whole function
/// user::clear().await;            // drop all of its entries in this process
/// user::purge();                  // drop those of them that have expired
/// ```
///
/// If the function is `async`, so are these, except `with`, `key`, `stats` and `purge`. They borrow their arguments, and
/// leave out the skipped ones, except for `refresh`, which calls the function. With arguments of type `impl Trait` there
/// are only `stats`, `clear` and `purge`.
///
/// Each method gets a second method of its visibility that returns a handle with the same operations, except `with`:
///
/// ```ignore
/// shop.price_cache(&item).invalidate();
/// ```
///
/// Methods of a trait's `impl` have none, because nothing can be added there. If the attribute cannot see in the source
/// file that a private method is not one of these, as in code that a macro generated, `name` asks for a handle.
///
/// # Options
///
/// Every option may appear once. Expressions are evaluated inside the function, where its arguments are in
/// scope.
///
/// ## `ttl`: how long an entry is served
///
/// ```ignore
/// #[cache(ttl = 60)]                               // seconds
/// #[cache(ttl = "1h30m")]                          // units: ms, s, m or min, h, d, w
/// #[cache(ttl = config().user_ttl)]                // a `Duration`, seconds, or an `Option` of these
/// #[cache(ttl = |token| token.expires_in)]         // from the value: `T` of a `Result<T, E>`
/// #[cache(ttl(ok = "1h", none = "1m", err = 5))]   // by outcome; errors are stored only with `err`
/// ```
///
/// A literal must be positive. `ok` also applies to `Some` and to values that are neither an `Option` nor a
/// `Result`; it applies to `None` too unless `none` is given.
///
/// ## `stale`: serving an expired value while the function runs again
///
/// ```ignore
/// #[cache(ttl = "1m", stale = "30s")]
/// ```
///
/// For that long after `ttl`, calls get the old value at once, and one of them starts a run of the function in the
/// background, with copies of its arguments: these, and a method's `self`, must be `Clone + Send +
/// 'static`, and an async function's future `Send`. If that run fails, the old value stays.
///
/// ## `idle`: dropping unused entries
///
/// ```ignore
/// #[cache(ttl = "1h", idle = "10m")]
/// ```
///
/// An entry of this process that no call has used for that long expires, before its `ttl`. This does not affect the
/// shared tier. A hit of such a function writes the time of its entry, once for each tick of the coarse clock.
///
/// ## `capacity` and `weight`: how much is kept
///
/// ```ignore
/// #[cache(capacity = 500)]                                    // entries
/// #[cache(capacity = LIMITS.thumbnails)]                      // a constant expression
/// #[cache(capacity = 64_000_000, weight = |key, image| image.len() as u64)]
/// ```
///
/// ## `key` and `skip`: what the result depends on
///
/// All arguments are part of the key. To leave some out:
///
/// ```ignore
/// #[cache(skip(db, ctx))]
/// fn user(db: &Db, ctx: &Context, id: u64) -> User { /* … */ }
/// ```
///
/// Or state the key; a tuple makes several parts of it. Here all arguments are references:
///
/// ```ignore
/// #[cache(key = (request.path(), locale))]
/// fn page(request: &Request, locale: Locale) -> Page { /* … */ }
/// ```
///
/// Or write it as a string, which is filled in like that of `format!`, with arguments and their fields. Adjacent
/// values stay separate in it:
///
/// ```ignore
/// #[cache(key = "user:{user.id}/{page}")]
/// fn page(user: &User, page: u32, trace: Trace) -> Page { /* … */ }
/// ```
///
/// A key must mention an argument or `self`. If you want one entry for all calls, write `key = ()`.
///
/// If a type or `const` parameter occurs only in arguments that the key leaves out, you must decide about it:
/// `skip(ex, X)` for the same entries whatever `X` is, or `key = (type_name::<X>(), id)` for separate entries.
///
/// An argument needs `Hash + Eq + Clone` to be part of a key, or `cachekit::key::CacheKey`, which floats
/// and other types of the standard library have. `&mut` arguments must be skipped or replaced by a `key`.
///
/// ## `self`: what the object means for the key
///
/// A method must state this, because either default would be wrong for some methods:
///
/// ```ignore
/// #[cache(self = shared)]        // every instance gives the same result
/// #[cache(self = instance)]      // each has entries of its own: see `cachekit::Instance`
/// #[cache(self = key(self.id))]  // this part of it decides
/// ```
///
/// A `key` that mentions `self` states it too. In code that a macro generated, `self = shared` marks an
/// associated function that has neither a receiver nor the word `Self`. With `self = instance` values stay in
/// this process.
///
/// ## `if`: which values are stored
///
/// ```ignore
/// #[cache(if = |page| page.is_complete())]
/// ```
///
/// The closure sees what `ttl = |…|` sees. The waiters get the run's value in any case.
///
/// ## `namespace` and `version`: sharing with other processes
///
/// ```ignore
/// #[cache(namespace = "shop", version = 2)]
/// ```
///
/// The namespace has 1 to 64 letters, digits, dots, underscores and dashes. Another version reads no entry
/// of this one.
///
/// ## `backend` and `fill_lock`: where and how they share
///
/// ```ignore
/// #[cache(backend = self.backend)]     // an `Arc` of a `cachekit_io::Backend`
/// #[cache(fill_lock = "10s")]          // wait so long for another process that runs the function
/// #[cache(fill_lock = off)]            // do not ask whether there is one
/// ```
///
/// The expression of `backend` is evaluated at each call, and also in the companions: there, arguments are
/// borrowed, and skipped ones are missing. Entries of different backends are never confused.
///
/// ## `interop`: entries for other languages
///
/// ```ignore
/// #[cache(interop = "get_user", namespace = "users", ttl = 300)]
/// fn get_user(id: u64) -> User { /* … */ }
/// ```
///
/// The Python, TypeScript and Rust SDKs find the entries under this operation and namespace, and this function finds
/// theirs. Up to twelve arguments, in the same order as there. If an argument cannot be represented in all languages
/// and the function's error type is `From<cachekit::Error>`, the call returns an `ErrorKind::Argument` and the function
/// does not run. Otherwise the function runs, the value stays in this process, and `stats().shared_errors` counts it.
/// No `version`: rename the operation instead. No `ttl(err = …)`: no other language knows an `Err`. Needs the feature
/// `interop`.
///
/// ```text
/// #[cache(interop = shared("get_user"), …)]            // several functions of the program are this operation
/// #[cache(interop = "load", key = (T::NAME, id), …)]   // entries for each `T`
/// #[cache(interop = "load", skip(T), …)]               // the same entries whatever `T` is
/// #[cache(interop = "load", skip(Self), …)]            // the same for the parameters of the `impl` around
/// ```
///
/// The key shows no types. Without a decision about a type parameter of the function it does not compile, and without
/// one about a parameter of the `impl` its values stay in this process. So do those of two functions with one
/// operation, unless both say `shared`; `cachekit::init` reports them.
///
/// ## `in`: a cache of your own
///
/// ```ignore
/// struct Repo { users: cachekit::Cache<u64, User> }
///
/// impl Repo {
///     #[cache(in = self.users, ttl = 60)]
///     fn user(&self, id: u64) -> User { /* … */ }
/// }
/// ```
///
/// Capacity, weight and similar settings then belong to that cache, and there is no companion. The values stay in
/// this process. If the expression does not mention `self`, the cache is one for all objects, and a method states what
/// `self` means, as without `in`. The key shows no types: those of the block around are named in it, or left out with
/// `skip(Self)`.
///
/// ## `name`, `vis` and `crate`: the generated code
///
/// ```ignore
/// #[cache(name = users)]                     // users::invalidate(&42)
/// #[cache(vis = pub(crate))]                 // visibility of the companion, otherwise the function's
/// #[cache(crate = ::my_prelude::cachekit)]   // where the runtime is, for reexports; an absolute path
/// ```
///
/// A `name` is needed if a type or module of the function's name already exists.
#[proc_macro_attribute]
pub fn cache(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Tier::Shared, options.into(), item.into()).into()
}

/// Caches the results of a function, in this process only.
///
/// ```ignore
/// use cachekit::cache;
///
/// #[cache::local(ttl = "10s", capacity = 100)]
/// fn parsed(source: &str) -> Arc<Ast> {
///     Arc::new(parse(source))
/// }
/// ```
///
/// Like [`macro@cache`], with the same options, but the values never leave the process: they need no
/// serde, and a shared tier makes no difference.
#[proc_macro_attribute]
pub fn local(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Tier::Local, options.into(), item.into()).into()
}

/// Caches the results of a function, in this process and in the API of cachekit.io.
///
/// ```ignore
/// use cachekit::cache;
///
/// #[cache::io(ttl = 300, namespace = "my-app")]
/// async fn user(id: u64) -> Result<User, DbError> {
///     db().load_user(id).await
/// }
/// ```
///
/// Like [`macro@cache`], with the same options. Unless another backend is named, by `backend = …` or for the
/// whole process, the environment must say how to reach the API: `CACHEKIT_API_KEY`. Needs the feature
/// `io` of `cachekit`. A `namespace` has no dots here.
#[cfg_attr(docsrs, doc(cfg(feature = "io")))]
#[proc_macro_attribute]
pub fn io(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Tier::Io, options.into(), item.into()).into()
}

/// Caches the results of a function, sealed wherever they are stored.
///
/// ```ignore
/// use cachekit::cache;
///
/// #[cache::secure(ttl = 3600, namespace = "sensitive-data")]
/// async fn diagnosis(patient: u64) -> Result<Diagnosis, AppError> {
///     db().diagnosis(patient).await
/// }
/// ```
///
/// Like [`macro@cache`], with the same options and backends, and with a key: `CACHEKIT_MASTER_KEY`, or
/// `cachekit::secure::set_keyring`. Values leave the process encrypted and authenticated, and are stored under
/// a keyed hash. An attacker with access to the store reads nothing. A call receives only what a holder
/// of the key stored for exactly this call. Needs the feature `secure` of `cachekit`.
///
/// Without a key, nothing is stored anywhere. If the function's error type is `From<cachekit::Error>`, calls
/// return that error; otherwise the function runs each time, which is logged once and counted.
/// `cachekit::init()` reports it at the start.
///
/// # More options
///
/// A `namespace` is required, and has no dots. `in` and `self = instance` are not available.
///
/// ```ignore
/// #[cache::secure(namespace = "crm", tenant = account.tenant)]  // a string; keys are derived for it
/// #[cache::secure(namespace = "crm", l1 = sealed)]      // in this process, sealed bytes: the default
/// #[cache::secure(namespace = "crm", l1 = typed)]       // the values themselves: faster hits
/// #[cache::secure(namespace = "crm", l1 = off)]         // nothing
/// #[cache::secure(namespace = "crm", on_tamper = recompute)]  // a forged entry is a miss: the default
/// #[cache::secure(namespace = "crm", on_tamper = error)]      // it is an error, of the function's error type
/// ```
///
/// `tenant` must mention an argument or `self`, as `key` does, and also takes a string with `{…}`. Its expression
/// is evaluated at each call, and also in the companions, like that of `backend`.
/// Tenants never share an entry or a run, not even in this process. Without it, the tenant is `default`.
#[cfg_attr(docsrs, doc(cfg(feature = "secure")))]
#[proc_macro_attribute]
pub fn secure(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Tier::Secure, options.into(), item.into()).into()
}

fn attribute(
    tier: Tier,
    options: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    match Model::build(tier, options, item.clone()) {
        Ok(model) => expand::expand(&model),
        Err(error) => fallback::unchanged(item, &error),
    }
}
