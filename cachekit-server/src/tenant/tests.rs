//! The bucket and the day.

use super::{Denied, TenantLimits, Tenants};
use crate::clock::Timestamp;
use crate::limits::Limits;

fn tenants() -> Tenants {
    Tenants::new(Limits::default().shares())
}

fn at(millis: u64) -> Timestamp {
    // The last ten seconds of some day.
    Timestamp::from_millis(20_000 * super::DAY_MILLIS - 10_000 + millis)
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let limits =
        TenantLimits { requests_per_second: Some(10), burst: Some(5), ..TenantLimits::default() };
    let tenants = tenants();
    let admitted = |from: u64, to: u64| {
        (from..to).filter(|millis| tenants.admit("a", &limits, at(*millis)).is_ok()).count()
    };
    assert_eq!(admitted(0, 1), 1);
    assert_eq!((0..10).filter(|_| tenants.admit("a", &limits, at(0)).is_ok()).count(), 4);
    assert_eq!(tenants.admit("a", &limits, at(0)), Err(Denied::Rate(1)));
    assert_eq!(tenants.admit("b", &limits, at(0)), Ok(()), "another tenant's bucket is full");
    // Asked every millisecond for two seconds: ten per second.
    assert_eq!(admitted(1, 2001), 20);
}

#[test]
fn a_high_rate_is_kept() {
    for rate in [300_000, 600_000, 999_999] {
        let limits = TenantLimits {
            requests_per_second: Some(rate),
            burst: Some(1000),
            ..TenantLimits::default()
        };
        let tenants = tenants();
        let admitted =
            |millis| (0..2000).filter(|_| tenants.admit("a", &limits, at(millis)).is_ok()).count();
        assert_eq!(admitted(0), 1000, "{rate}");
        let of_a_milli = usize::try_from(rate / 1000).unwrap();
        assert!((of_a_milli - 1..=of_a_milli).contains(&admitted(1)), "{rate}");
    }
}

#[test]
fn a_day_ends_at_midnight_and_refusals_cost_nothing() {
    let limits = TenantLimits {
        requests_per_second: Some(1),
        burst: Some(2),
        requests_per_day: Some(3),
        ..TenantLimits::default()
    };
    let tenants = tenants();
    assert_eq!(tenants.admit("a", &limits, at(0)), Ok(()));
    assert_eq!(tenants.admit("a", &limits, at(0)), Ok(()));
    assert_eq!(tenants.admit("a", &limits, at(0)), Err(Denied::Rate(1)));
    assert_eq!(tenants.admit("a", &limits, at(5000)), Ok(()));
    assert_eq!(tenants.admit("a", &limits, at(8500)), Err(Denied::Quota(2)));
    assert_eq!(tenants.admit("a", &limits, at(10_000)), Ok(()));
}

#[test]
fn a_rate_is_never_no_limit() {
    for rate in [1_000_000, 1_000_001, u32::MAX] {
        let limits = TenantLimits {
            requests_per_second: Some(rate),
            burst: Some(1),
            ..TenantLimits::default()
        };
        let tenants = tenants();
        assert_eq!(tenants.admit("a", &limits, at(0)), Ok(()), "{rate}");
        assert_eq!(tenants.admit("a", &limits, at(0)), Err(Denied::Rate(1)), "{rate}");
        assert_eq!(limits.check().is_ok(), rate == 1_000_000, "{rate}");
    }
    let none = TenantLimits::default();
    for wrong in [
        TenantLimits { requests_per_second: Some(0), ..none },
        TenantLimits { burst: Some(0), ..none },
        TenantLimits { burst: Some(1_000_001), ..none },
        TenantLimits { requests_per_day: Some(0), ..none },
        TenantLimits { stored_bytes: Some(0), ..none },
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
    assert_eq!(none.check(), Ok(()));
}

#[test]
fn without_limits_nothing_is_counted() {
    let tenants = tenants();
    for _ in 0..1000 {
        assert_eq!(tenants.admit("a", &TenantLimits::default(), at(0)), Ok(()));
    }
    assert!(tenants.known.read().expect("no panic").is_empty());
}
