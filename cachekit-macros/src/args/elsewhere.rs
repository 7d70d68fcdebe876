//! Options that do not exist: the options of other caches, and their names here.
//!
//! An option of another library is answered before any similar name, because a word with a meaning is not a
//! typo.

use super::OPTIONS;
use crate::diagnostics::{list_or, nearest};

/// The counterpart of another library's option.
enum Here {
    /// This option, written like this.
    Option(&'static str, &'static str),
    /// There is no such option: what to do instead.
    Nothing(&'static str),
}

use Here::{Nothing, Option as As};

const TTL: Here = As("ttl", "`ttl = 60` (seconds) or `ttl = \"5m\"`");
const CAPACITY: Here = As("capacity", "`capacity = 10_000`");
const WEIGHT: Here = As("weight", "`weight = |key, value| …`, with `capacity` as the sum of all");
const STALE: Here = As(
    "stale",
    "`stale = \"30s\"`: for so long after `ttl` the old value is served while it is replaced",
);
const KEY: Here = As("key", "an expression of the arguments, `key = (a, b.id)`");
const SKIP: Here = As("skip", "`skip(db, ctx)`: the arguments that are not part of the key");
const IF: Here = As("if", "`if = |value| …`: what is to be stored");
const UNLESS: Here = As("if", "the other way round: `if = |value| !…` says what is to be stored");
const ERR: Here =
    As("ttl", "an `Err` is not stored unless `ttl(ok = 60, err = 5)` says for how long");
const NONE: Here =
    As("ttl", "`None` is stored; `ttl(ok = 60, none = 5)` says for how long, and `if` whether");
const IN: Here = As(
    "in",
    "`in = CACHE`, a `cachekit::Cache` that you built; without it the attribute makes one",
);
const NAME: Here = As("name", "`name = users`, what the companion is called");
const NAMESPACE: Here =
    As("namespace", "`namespace = \"my-app\"`: what keeps applications apart in a shared tier");
const BACKEND: Here = As(
    "backend",
    "`backend = EXPRESSION`, an `Arc` of a backend; for the whole process, `set_default_backend`",
);
const LOCK: Here = As(
    "fill_lock",
    "callers in one process share one run without it; among processes, `fill_lock = \"10s\"`",
);
const IDLE: Here = As(
    "idle",
    "`idle = \"10m\"` lets go of an entry that nothing used for so long; `ttl` still ends it",
);
const FLIGHT: Here =
    Nothing("it is always on: callers that ask for the same value at the same time share one run");
const OUTCOME: Here = Nothing(
    "it is seen from the return type: `Err` is not stored and `None` is; `ttl(ok = …, none = …, err = …)` says \
     for how long",
);
const FALLBACK: Here = As(
    "stale",
    "`stale = \"30s\"` serves the old value after its `ttl`, also while the function fails",
);
const TAGS: Here = Nothing(
    "entries have no tags: the companion drops one entry (`user::invalidate(&id)`) or all of the function \
     (`user::clear()`)",
);
const EVICTION: Here = Nothing(
    "the policy is fixed (scans do not displace what is used): `capacity` says how much is kept, and `weight` \
     what an entry counts",
);
const LISTENER: Here = Nothing(
    "nothing is called when entries go: `user::stats()` counts hits, evictions and expirations",
);
const STATS: Here =
    Nothing("counters are always on: `user::stats()` and `cachekit::functions()` read them");
const FLAG: Here = Nothing(
    "the function keeps its return type: `user::contains(&id)` and `user::stats()` tell what is cached",
);
const HASHER: Here =
    Nothing("the hash is chosen here, and seeded in each process; keys are always compared");
const GLOBAL: Here = Nothing(
    "entries are shared by all threads, always; for values of one process write `#[cache::local]`",
);
const CODEC: Here = Nothing(
    "values in a shared tier are encoded and compressed by the runtime: the type needs `serde`, and `version = 2` \
     tells old formats apart",
);
const REMOVE: Here = Nothing(
    "the attribute only fills the cache: call `user::invalidate(&id)` or `user::clear()` where data changes",
);
const RENEW: Here = Nothing(
    "a hit does not renew an entry: `stale = \"30s\"` has it replaced in the background, and `user::refresh(id)` \
     at once",
);
const BYPASS: Here = Nothing(
    "to run the function past its entry, call `user::refresh(id)` or `cachekit::refresh(|| …)`",
);
const JITTER: Here = As("ttl", "an expression is evaluated for each value: `ttl = jittered(60)`");
const SYNC: Here = Nothing("whether the function is `async` is seen from its signature");
const COMPANIONS: Here =
    As("vis", "companions have the visibility of the function; `vis = pub(crate)` is another");
const BUDGET: Here = As(
    "ttl",
    "`ttl = 60` says when a value expires; how long calls wait for a shared tier, `set_shared_budget`",
);
const SEAL: Here =
    Nothing("sealing is an attribute of its own: `#[cache::secure(namespace = \"my-app\")]`");
const SIZE_LOG: Here =
    Nothing("nothing is written on a hit or a miss: `user::stats()` counts them");
const METHOD: Here = As("self", "`self = shared`, `self = instance` or `self = key(self.id)`");

/// Words in the form of [`plain`], from `cached`, `memoize`, `moka`, `quick_cache`, `functools`,
/// `cachetools`, `cashews`, `aiocache`, Django, joblib, Spring, Caffeine, `FusionCache`, Rails, `lru-cache`
/// and HTTP.
const WORDS: &[(&str, Here)] = &[
    (
        "time timetolive timetoliveseconds ttlsecs ttlsec ttlseconds ttlmillis ttlms ttlmins \
         ttlminutes expire expires expiry expiration expirein expiresin expireafter \
         expireafterwrite expireaftercreate expiresat expireat maxage smaxage lifetime lifespan \
         duration seconds secs millis minutes validfor cachefor cachetime absoluteexpiration \
         revalidate ttu age defaultttl keepfor life",
        TTL,
    ),
    ("timeout softtimeout hardtimeout factorytimeout deadline", BUDGET),
    (
        "tti timetoidle idletime idletimeout maxidle maxidletime expireafteraccess expireafterread \
         slidingexpiration sliding updateageonget updateageonhas",
        IDLE,
    ),
    (
        "swr stalewhilerevalidate grace graceperiod stalettl stalefor allowstale refreshafterwrite \
         refreshahead early earlyttl eagerrefresh eagerrefreshthreshold softttl backgroundrefresh \
         refreshinbackground raceconditionttl",
        STALE,
    ),
    (
        "size maxsize max maxcapacity maxentries maxitems maxkeys maxlen limit maximumsize \
         maximumentries entries cap bound cachesize initialcapacity estimatedcapacity \
         estimateditemscapacity sizelimit lru lrucache length",
        CAPACITY,
    ),
    (
        "unbound unbounded nolimit",
        As(
            "capacity",
            "there is always a bound, 10,000 entries unless `capacity = …` says another",
        ),
    ),
    (
        "weigher weightcapacity maxweight maximumweight sizecalculation getsizeof sizeof cost \
         entrysize",
        WEIGHT,
    ),
    (
        "convert keyfn keyfunc keyfunction keybuilder keygenerator keyby cachekey keytemplate \
         keyformat makekey keymaker resolver map with keys by keyexpr transformargs serializeargs \
         isequal matchesarg vary varyby maxargs",
        KEY,
    ),
    (
        "ignore ignored exclude excluded except skipargs ignoreargs skiparg omit without noself",
        SKIP,
    ),
    (
        "condition conditional cond when only onlyif storeif cacheif predicate filter iff where \
         timecondition shouldcache",
        IF,
    ),
    ("unless ifnot skipif skipcachefunc skipcachefunction skipwhen nocacheif dontcacheif", UNLESS),
    (
        "cacheerr cacheerror cacheerrors errors error err errttl cacheexceptions cacherejections \
         maperror",
        ERR,
    ),
    (
        "cachenone cachenull none nonettl nullttl negativettl negative skipnil cachenil \
         disablecachingnullvalues",
        NONE,
    ),
    ("result option results optional ok some smartresult", OUTCOME),
    (
        "resultfallback staleiferror failsafe isfailsafeenabled failsafemaxduration \
         failsafethrottleduration fallback fail failover default onerror",
        FALLBACK,
    ),
    (
        "syncwrites syncwritesbuckets synclock syncbuckets sync singleflight coalesce dedup dedupe \
         stampede dogpile synchronized threadsafe unsyncreads buckets shards getwith concurrency \
         concurrencylevel",
        FLIGHT,
    ),
    ("lock distributedlock locktimeout lockttl lockwait mutex rwlock", LOCK),
    (
        "prefix keyprefix cacheprefix cacheprefixblock cachename cachenames region group ns domain \
         bucket scope app appname",
        NAMESPACE,
    ),
    ("companion alias rename functionname profilename fnname", NAME),
    ("companionsvis companions visibility pub", COMPANIONS),
    (
        "create ty type cache cachetype cacher store instance using use static value cacheinstance \
         cachestore",
        IN,
    ),
    (
        "redis redisurl disk diskdir memcached connection conn client backendname cachemanager \
         cacheresolver manager provider storage url l2 distributedcache distributed remote durable \
         secondary",
        BACKEND,
    ),
    ("tags tag tagset taggedwith dependencies dependson surrogatekey cachetags", TAGS),
    (
        "evictionpolicy policy eviction lfu fifo arc slru tinylfu wtinylfu s3fifo mru rr sieve \
         clock priority hotallocation ghostallocation evictionstrategy",
        EVICTION,
    ),
    (
        "evictionlistener removallistener onevict onremove onexpire dispose disposeafter \
         nodisposeonset listener callback oncachehit oncachemiss onhit onmiss oncacheadd",
        LISTENER,
    ),
    ("stats recordstats metrics info cacheinfo collectstats track statistics", STATS),
    ("withcachedflag cachedflag returncached wascached hitflag", FLAG),
    ("customhasher hasher hasherinit hash hashfn buildhasher hashfunc typed", HASHER),
    ("sharedcache sharedcapacity shared threadlocal global local perthread isolated", GLOBAL),
    (
        "serializer serialize serializers codec compress compression compressor format pickle json \
         deserialize enableautoclone clone protocol",
        CODEC,
    ),
    (
        "allentries beforeinvocation evict invalidate invalidates clear delete put remove flush \
         invalidateon supportinvalidationclosures supporttoinvalidateclosures purge",
        REMOVE,
    ),
    ("refresh timerefresh renew touch extend autorefresh refreshonaccess refreshttl", RENEW),
    (
        "forcerefresh force bypass nocache nostore skipcache reload cacheread cachewrite disabled \
         enabled disable enable",
        BYPASS,
    ),
    ("jitter jittermaxduration ttljitter randomize beta", JITTER),
    ("async ispromise isasync future iterator synccache", SYNC),
    ("inimpl method instancemethod perinstance selfkey receiver this", METHOD),
    ("encrypt encrypted encryption secret signed secure seal sealed", SEAL),
    ("log logging verbose debug trace loglevel", SIZE_LOG),
    (
        "upper protected hit hits maxhits cachehits",
        Nothing(
            "entries do not expire by the number of their hits: `ttl` says for how long they are served",
        ),
    ),
    (
        "timer clockfn ticker",
        Nothing("time is the process's: in tests, `cachekit::testing` has a clock to turn"),
    ),
];

/// The form in which words are compared: `maxSize`, `max_size` and `maxsize` are one.
fn plain(word: &str) -> String {
    word.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

fn elsewhere(word: &str) -> Option<&'static Here> {
    let word = plain(word);
    WORDS
        .iter()
        .find(|(words, _)| words.split(' ').any(|other| other == word))
        .map(|(_, here)| here)
}

/// The error about an option that does not exist.
pub(super) fn unknown_option(name: &str) -> String {
    let unknown = format!("unknown option `{name}`");
    let ours = nearest(name, OPTIONS);
    let here =
        elsewhere(name).or_else(|| if ours.is_empty() { mistyped_elsewhere(name) } else { None });
    match here {
        Some(As(option, how)) => format!("{unknown}; did you mean `{option}`? {how}"),
        Some(Nothing(instead)) => format!("{unknown}, and there is none like it: {instead}"),
        None => match ours.as_slice() {
            [] => format!("{unknown}; the options are {}", crate::diagnostics::list(OPTIONS)),
            meant => format!("{unknown}; did you mean {}?", list_or(meant.iter().copied())),
        },
    }
}

/// A mistyped long option of another library. Short ones are too similar to ours.
fn mistyped_elsewhere(name: &str) -> Option<&'static Here> {
    let all = WORDS.iter().flat_map(|(words, _)| words.split(' '));
    let near = nearest(&plain(name), all.filter(|word| word.len() >= 6));
    near.first().and_then(|word| elsewhere(word))
}

#[cfg(test)]
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().flat_map(|(words, _)| words.split(' '))
}
