//! A skewed stream of keys: few are asked for often, most are rare.

/// A small generator with a fixed seed, so that every run and every contender sees the same keys.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scatter(self.0)
    }

    /// Uniform in 0..1, with 53 bits.
    #[expect(clippy::cast_precision_loss)]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Spreads a number over all 64 bits, one to one (the finaliser of splitmix64).
pub(crate) fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The keys of one seed: other numbers for the same ids, one to one. A cache whose hash has one seed for the
/// whole process sees them as it would see the ids with another seed.
pub(crate) fn reseed(id: u64, seed: u64) -> u64 {
    scatter(id ^ scatter(seed))
}

/// `length` keys out of `keys`, the one of rank r drawn in proportion to 1 / r^`exponent`.
pub(crate) fn stream(keys: usize, exponent: f64, length: usize, seed: u64) -> Vec<u64> {
    let mut total = 0.0;
    let mut cumulated = Vec::with_capacity(keys);
    for rank in 1..=u32::try_from(keys).expect("a rank fits 32 bits") {
        total += f64::from(rank).powf(-exponent);
        cumulated.push(total);
    }
    let mut random = Random::new(seed);
    (0..length)
        .map(|_| {
            let at = random.unit() * total;
            let rank = cumulated.partition_point(|&sum| sum < at).min(keys - 1);
            scatter(rank as u64)
        })
        .collect()
}

/// `length` keys, uniform over `keys` different ones.
pub(crate) fn uniform(keys: u64, length: usize, seed: u64) -> Vec<u64> {
    let mut random = Random::new(seed);
    (0..length).map(|_| scatter(random.next() % keys)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_key_has_its_share() {
        let keys = stream(1_000, 0.99, 100_000, 1);
        let first = keys.iter().filter(|&&key| key == scatter(0)).count();
        // 1 / (sum of r^-0.99 for 1..=1000) is 13.0 %.
        assert!((12_500..13_500).contains(&first), "{first}");
    }

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        assert_eq!(stream(100, 0.99, 1_000, 7), stream(100, 0.99, 1_000, 7));
        assert_ne!(uniform(100, 1_000, 7), uniform(100, 1_000, 8));
    }
}
