//! Time that passes at once.

use crate::{Cluster, Node, SentinelGroup};
use std::time::Duration;

/// Moves the ends of all keys closer.
const LET_PASS: &str = "local cursor = '0'
repeat
    local page = redis.call('SCAN', cursor, 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do
        local left = redis.call('PTTL', key)
        if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end
    end
until cursor == '0'";

impl Node {
    /// Lets all keys be so much older: what would be gone by then is gone. The node's clock stays.
    pub fn let_pass(&self, time: Duration) {
        self.admin(&["EVAL", LET_PASS, "0", &time.as_millis().to_string()]);
    }
}

impl SentinelGroup {
    /// As [`Node::let_pass`].
    pub fn let_pass(&self, time: Duration) {
        self.primary().let_pass(time);
    }
}

impl Cluster {
    /// As [`Node::let_pass`], for all primaries.
    pub fn let_pass(&self, time: Duration) {
        for primary in self.primaries() {
            primary.let_pass(time);
        }
    }
}
