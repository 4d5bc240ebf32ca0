//! Two tests of "this is no more than chance", both two-sided.

/// Probability of ranks as different as these by chance (Mann-Whitney U, normal approximation with correction for ties
/// and for continuity). Sorts both. Null when either has fewer than eight values, for which the approximation is poor.
pub(super) fn mann_whitney(a: &mut [i64], b: &mut [i64]) -> Option<f64> {
    a.sort_unstable();
    b.sort_unstable();
    if a.len() < 8 || b.len() < 8 {
        return None;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j) = (0, 0);
    // Sum of the ranks of `a`, and of t^3 - t over the runs of t equal values.
    let (mut ranks, mut ties, mut rank) = (0.0, 0.0, 0.0);
    while i < a.len() || j < b.len() {
        let value = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => *x.min(y),
            (Some(x), None) => *x,
            (None, Some(y)) => *y,
            (None, None) => break,
        };
        let from_a = a[i..].iter().take_while(|x| **x == value).count();
        let from_b = b[j..].iter().take_while(|y| **y == value).count();
        let run = (from_a + from_b) as f64;
        ranks += from_a as f64 * (rank + (run + 1.0) / 2.0);
        ties += run * run * run - run;
        rank += run;
        i += from_a;
        j += from_b;
    }
    let u = ranks - n * (n + 1.0) / 2.0;
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return Some(1.0);
    }
    let distance = ((u - n * m / 2.0).abs() - 0.5).max(0.0);
    Some(two_sided(distance / variance.sqrt()))
}

/// Probability of shares as different as these by chance (two-proportion z-test, pooled). Each side is (errors, all).
/// Null when either side is empty.
pub(super) fn two_proportions(a: (u64, u64), b: (u64, u64)) -> Option<f64> {
    let (x, n, y, m) = (a.0 as f64, a.1 as f64, b.0 as f64, b.1 as f64);
    if a.1 == 0 || b.1 == 0 {
        return None;
    }
    let pooled = (x + y) / (n + m);
    let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
    if variance <= 0.0 {
        return Some(1.0);
    }
    // With few exchanges the normal approximation exaggerates; the correction for continuity keeps it honest.
    let correction = 0.5 * (1.0 / n + 1.0 / m);
    let distance = ((x / n - y / m).abs() - correction).max(0.0);
    Some(two_sided(distance / variance.sqrt()))
}

/// Share of a normal distribution that is at least `z` deviations away from its middle.
fn two_sided(z: f64) -> f64 {
    erfc(z / std::f64::consts::SQRT_2)
}

/// Complementary error function for `x >= 0`: by its series near 0, by its continued fraction beyond.
fn erfc(x: f64) -> f64 {
    if x < 2.0 {
        let (mut term, mut sum) = (x, x);
        for k in 1..60 {
            let k = f64::from(k);
            term *= -x * x / k;
            sum += term / (2.0 * k + 1.0);
        }
        return (1.0 - 2.0 / std::f64::consts::PI.sqrt() * sum).clamp(0.0, 1.0);
    }
    // Lentz's form, evaluated from the far end.
    let mut fraction = x;
    for k in (1..60).rev() {
        fraction = x + f64::from(k) / 2.0 / fraction;
    }
    ((-x * x).exp() / (fraction * std::f64::consts::PI.sqrt())).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::{erfc, mann_whitney, two_proportions};

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-6 * b.abs().max(1e-12)
    }

    /// Values of Python's `math.erfc`.
    #[test]
    fn complementary_error_function() {
        for (x, expected) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (1.99, 0.004_888_586_800_383_003),
            (2.0, 0.004_677_734_981_047_265),
            (3.0, 2.209_049_699_858_544e-5),
            (5.0, 1.537_459_794_428_035_2e-12),
        ] {
            assert!(near(erfc(x), expected), "{x}: {} {expected}", erfc(x));
        }
    }

    #[test]
    fn ranks() {
        let mut a: Vec<i64> = (0..20).collect();
        let mut b: Vec<i64> = (0..20).collect();
        assert!(mann_whitney(&mut a, &mut b).expect("enough") > 0.99);
        let mut slower: Vec<i64> = (15..35).collect();
        let p = mann_whitney(&mut a, &mut slower).expect("enough");
        assert!(p < 1e-6, "{p}");
        assert_eq!(mann_whitney(&mut [1, 2], &mut b), None);
        assert_eq!(mann_whitney(&mut [5; 10], &mut [5; 10]), Some(1.0));
    }

    #[test]
    fn shares() {
        assert!(two_proportions((5, 100), (5, 100)).expect("enough") > 0.99);
        assert!(two_proportions((1, 1000), (100, 1000)).expect("enough") < 1e-6);
        assert!(two_proportions((0, 3), (1, 3)).expect("enough") > 0.3);
        assert_eq!(two_proportions((0, 0), (1, 3)), None);
        assert_eq!(two_proportions((0, 10), (0, 10)), Some(1.0));
    }
}
