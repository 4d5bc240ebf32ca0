use protocols::record::{Http, Record};

use super::{Change, diff};
use crate::{Snapshot, Store, StoreOptions, Value};

/// Rows of routes: name, how many, latency of the n-th, whether the n-th failed.
type Route = (&'static str, u64, fn(u64) -> u64, fn(u64) -> bool);

fn snapshot(routes: &[Route]) -> Snapshot {
    let mut store = Store::new(StoreOptions::default());
    for (route, count, latency, error) in routes {
        for number in 0..*count {
            let mut http = Http { route: Some((*route).to_owned()), ..Http::default() };
            http.common.latency = Some(latency(number));
            http.common.error = Some(error(number));
            store.append(Record::Http(Box::new(http)));
        }
    }
    store.snapshot()
}

#[test]
fn changes_are_told_from_noise() {
    let noise = |n: u64| 1_000_000 + n * 7_919 % 1_000_000;
    let other_noise = |n: u64| 1_000_000 + n * 104_729 % 1_000_000;
    let slow = |n: u64| 1_400_000 + n * 7_919 % 1_000_000;
    let never = |_: u64| false;
    let tenth = |n: u64| n.is_multiple_of(10);
    let first = snapshot(&[
        ("/same", 500, noise, never),
        ("/slow", 500, noise, never),
        ("/fails", 500, noise, never),
        ("/mended", 500, noise, tenth),
        ("/gone", 5, noise, never),
        ("/few", 3, noise, never),
    ]);
    let second = snapshot(&[
        ("/same", 600, other_noise, never),
        ("/slow", 500, slow, never),
        ("/fails", 500, noise, tenth),
        ("/mended", 500, noise, never),
        ("/new", 5, noise, never),
        ("/few", 3, slow, tenth),
    ]);
    let found = diff(&first, &second, &[]).expect("compares");
    let change = |route: &str| {
        let key = vec![Value::String(route.to_owned())];
        found.iter().find(|row| row.key == key).map(|row| row.change)
    };
    assert_eq!(change("/same"), Some(Change::Same));
    assert_eq!(change("/slow"), Some(Change::Slower));
    assert_eq!(change("/fails"), Some(Change::MoreErrors));
    assert_eq!(change("/mended"), Some(Change::FewerErrors));
    assert_eq!(change("/gone"), Some(Change::Gone));
    assert_eq!(change("/new"), Some(Change::New));
    assert_eq!(change("/few"), Some(Change::Same), "three exchanges prove nothing");
    assert_eq!(found[0].change, Change::MoreErrors, "the worst comes first");
    assert_eq!((found[0].sides[0].count, found[0].sides[1].errors), (500, 50));
    assert!(found[0].statement().contains("two-proportion z-test"));
    assert!(diff(&first, &second, &["frob".to_owned()]).is_err());
}

#[test]
fn the_same_snapshot_does_not_differ() {
    let one = snapshot(&[("/a", 100, |n| n * n, |n| n % 3 == 0), ("/b", 9, |n| n, |_| false)]);
    let found = diff(&one, &one, &[]).expect("compares");
    assert!(found.len() == 2 && found.iter().all(|row| row.change == Change::Same));
}
