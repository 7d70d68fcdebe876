//! The system's limit of open files. Connections count towards it, and a server that cannot accept one hangs.

use super::Failure;

/// Connections without `--max-connections`.
const USUAL: u32 = 1024;
/// Open files besides those of connections: the operator's listener and its connections, the store, files that are
/// reloaded, standard streams.
const RESERVE: u64 = 128;
/// One for a connection, and one for a closing connection whose seat is already taken.
const EACH: u64 = 2;

/// Raises the limit of this process as far as allowed, and returns it; `None` without a limit.
#[cfg(unix)]
pub(super) fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    let (soft, hard) = (limits.current, limits.maximum);
    if soft == hard {
        return soft;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard }) {
        Ok(()) => hard,
        Err(error) => {
            tracing::warn!(%error, soft, hard, "the limit of open files cannot be raised");
            soft
        }
    }
}

/// Other systems have no such limit for sockets.
#[cfg(not(unix))]
pub(super) fn raise() -> Option<u64> {
    None
}

/// The number of connections: as many as requested, or as many of the usual number as fit.
pub(super) fn connections(asked: Option<u32>, open_files: Option<u64>) -> Result<u32, Failure> {
    let wanted = asked.unwrap_or(USUAL);
    let Some(open_files) = open_files else { return Ok(wanted) };
    let fit = open_files.saturating_sub(RESERVE) / EACH;
    if u64::from(wanted) <= fit {
        return Ok(wanted);
    }
    let needed = u64::from(wanted) * EACH + RESERVE;
    match u32::try_from(fit) {
        Ok(fit @ 1..) if asked.is_none() => {
            tracing::warn!(
                max_connections = fit,
                open_files,
                needed,
                "the system allows fewer open files than are usual, so there are fewer connections"
            );
            Ok(fit)
        }
        _ => Err(Failure::usage(format!(
            "{wanted} connections need {needed} open files, and the system allows {open_files}: raise that limit \
             (`ulimit -n`, LimitNOFILE= of systemd), or ask for at most {fit} with --max-connections"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::{RESERVE, USUAL, connections};

    #[test]
    fn connections_fit_into_the_open_files_with_those_that_leave() {
        let fits = |asked, open_files| connections(asked, Some(open_files)).ok();
        let usual = 2 * u64::from(USUAL) + RESERVE;
        assert_eq!(connections(None, None).ok(), Some(USUAL));
        assert_eq!(fits(None, usual), Some(USUAL));
        assert_eq!(fits(None, usual - 1), Some(USUAL - 1), "with a warning");
        assert_eq!(fits(Some(100), 200 + RESERVE), Some(100));
        let refused = connections(Some(100), Some(199 + RESERVE)).expect_err("asked for more");
        assert!(format!("{refused:?}").contains("at most 99 "), "{refused:?}");
        assert_eq!(fits(None, RESERVE), None, "not even one");
        assert_eq!(fits(Some(u32::MAX), u64::MAX), Some(u32::MAX));
    }
}
