//! What the server does in one step.
//!
//! Fences and locks are bound to the history of the data set in which they were taken: the replication
//! id, which a server changes when it becomes primary and when it starts. After a failover every older
//! token is refused, because the new primary may have missed the write that should have moved it. If the
//! user may not read the id (`INFO`), tokens are not bound to it; everything else still holds.

use ::redis::Script;
use std::sync::LazyLock;

/// The replication id, as `id`.
macro_rules! with_id {
    ($body:literal) => {
        concat!(
            "local info = redis.pcall('INFO', 'replication')
             local id = type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
            ",
            $body
        )
    };
}

/// A script that is sent by its hash, and in full if the server does not know it yet.
pub(super) struct Lua {
    pub(super) code: &'static str,
    hash: LazyLock<String>,
}

impl Lua {
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }
}

macro_rules! script {
    ($name:ident, $code:expr) => {
        pub(super) static $name: Lua =
            Lua { code: $code, hash: LazyLock::new(|| Script::new($code).get_hash().to_owned()) };
    };
}

// Keys: entry, fence, held, lock. Arguments: value, milliseconds to live or 0, lock token or nothing,
// fence token or nothing, channel and message to others or nothing. Answers 1, 2 if the message was sent, too, 0 if the
// fence moved, -1 if the lock is lost or was overtaken.
script!(
    SET_IF,
    with_id!(
        "if ARGV[3] ~= '' then
             if redis.call('GET', KEYS[4]) ~= ARGV[3] then return -1 end
             if redis.call('GET', KEYS[3]) ~= ARGV[3] .. '@' .. id then return -1 end
         end
         if ARGV[4] ~= '' then
             if redis.call('GET', KEYS[2]) ~= ARGV[4] then return 0 end
             if string.sub(ARGV[4], -#id - 1) ~= '@' .. id then return 0 end
         end
         -- Client-side tracking tells of what was read, and forgets what is written until it is read again.
         redis.call('EXISTS', KEYS[1])
         if ARGV[2] == '0' then
             redis.call('SET', KEYS[1], ARGV[1])
         else
             redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         end
         redis.call('EXISTS', KEYS[1])
         redis.call('DEL', KEYS[2])
         if ARGV[3] == '' then redis.call('DEL', KEYS[3]) end
         -- Not everyone who may write may publish.
         if ARGV[5] ~= '' and type(redis.pcall('PUBLISH', ARGV[5], ARGV[6])) == 'number' then return 2 end
         return 1"
    )
);

// Key: fence. Arguments: its new value, milliseconds to live. Answers the current fence.
script!(
    FENCE,
    with_id!(
        "local fence = redis.call('GET', KEYS[1])
         if fence and string.sub(fence, -#id - 1) == '@' .. id then
             redis.call('PEXPIRE', KEYS[1], ARGV[2])
             return fence
         end
         fence = ARGV[1] .. '@' .. id
         redis.call('SET', KEYS[1], fence, 'PX', ARGV[2])
         return fence"
    )
);

// Keys: lock, held. Arguments: token, milliseconds. Answers 1 if this token holds the lock now; a
// repeated request finds its own.
script!(
    ACQUIRE,
    with_id!(
        "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
             redis.call('SET', KEYS[2], ARGV[1] .. '@' .. id, 'PX', ARGV[2])
             return 1
         end
         if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
         return 0"
    )
);

// Keys: lock, held. Argument: token. Answers whether it was held.
script!(
    RELEASE,
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
     redis.call('DEL', KEYS[2])
     return redis.call('DEL', KEYS[1])"
);

// Key: entry. Arguments: milliseconds, the magic of a header. Answers whether the entry was fresh.
script!(
    REFRESH,
    "local left = redis.call('PTTL', KEYS[1])
     if left == -2 then return 0 end
     local header = redis.call('GETRANGE', KEYS[1], 0, 11)
     local stale = 0
     if #header == 12 and string.sub(header, 1, 4) == ARGV[2] then
         for i = 5, 12 do stale = stale * 256 + string.byte(header, i) end
     end
     if left ~= -1 and left <= stale then return 0 end
     redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ARGV[1] + stale))
     redis.call('EXISTS', KEYS[1])
     return 1"
);
