use std::collections::BTreeSet;
use std::sync::Arc;

use super::tree::Tree;
use super::{ALL_NODES, Pattern, Route, Routes};

fn inferred(routes: &mut Routes, path: &str) -> String {
    match routes.route(None, path) {
        Route::Inferred(route) => route,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn values_that_have_a_shape_are_told_at_once() {
    for (path, expected) in [
        ("/", "/"),
        ("/cart", "/cart"),
        ("/users/42", "/users/{id}"),
        ("/users/42/", "/users/{id}/"),
        ("/users/42/orders/7", "/users/{id}/orders/{id}"),
        ("/v1/things/018f3c2e-6f6c-7c3e-9d3e-0a1b2c3d4e5f", "/v1/things/{uuid}"),
        ("/repo/commit/9fceb02d0ae598e95dc970b74767f19372d61af8", "/repo/commit/{hash}"),
        ("/reports/2026-11-22", "/reports/{date}"),
        ("/by-mail/ada@example.com", "/by-mail/{email}"),
        ("/static/app.3f2a9c1b.js", "/static/{file}"),
        ("/static/app.js", "/static/app.js"),
        ("/sessions/eyJhbGciOiJIUzI1NiIsInR5cCI6", "/sessions/{id}"),
    ] {
        assert_eq!(inferred(&mut Routes::default(), path), expected);
    }
}

#[test]
fn places_are_left_as_they_are() {
    for path in [
        "/v1",
        "/oauth2/token",
        "/api/v10/deadbeef",
        "/facade",
        "/iphone15pro",
        "/.well-known/openid-configuration",
        "/a//b",
    ] {
        assert_eq!(inferred(&mut Routes::default(), path), path);
    }
}

#[test]
fn ten_thousand_users_are_one_route_and_the_places_among_them_stay() {
    let mut routes = Routes::default();
    let name = |n: u32| format!("{}{}", ["ada", "bob", "eve", "kim"][n as usize % 4], letters(n));
    for n in 0..10_000 {
        inferred(&mut routes, &format!("/users/{}", name(n)));
        inferred(&mut routes, &format!("/users/{}/posts", name(n)));
        if n % 5 == 0 {
            assert_eq!(inferred(&mut routes, "/users/login"), "/users/login");
        }
    }
    let later: BTreeSet<String> =
        (10_000..11_000).map(|n| inferred(&mut routes, &format!("/users/{}", name(n)))).collect();
    assert_eq!(later, BTreeSet::from(["/users/{slug}".to_owned()]));
    assert_eq!(inferred(&mut routes, "/users/ada/posts"), "/users/{slug}/posts");
    assert_eq!(inferred(&mut routes, "/users/login"), "/users/login");
}

#[test]
fn a_fixed_set_of_places_is_not_taken_for_values() {
    let mut routes = Routes::default();
    let places: Vec<String> = (0..60).map(|n| format!("/api/{}", letters(n * 97))).collect();
    for round in 0..50 {
        for (n, place) in places.iter().enumerate() {
            let path = &places[(n * 7 + round) % places.len()];
            assert_eq!(&inferred(&mut routes, path), path);
            assert_eq!(&inferred(&mut routes, place), place);
        }
    }
}

#[test]
fn owners_and_repositories_cluster_and_their_pages_stay_apart() {
    let mut routes = Routes::default();
    for n in 0..3_000 {
        let repository = format!("/{}/{}", letters(n), letters(n * 31 + 5));
        for page in ["", "/issues", "/pulls", "/issues/7", "/tree/main"] {
            inferred(&mut routes, &format!("{repository}{page}"));
        }
    }
    let routes: BTreeSet<String> =
        ["/new/thing", "/new/thing/issues", "/new/thing/pulls", "/new/thing/issues/12", "/new/thing/tree/main"]
            .map(|path| inferred(&mut routes, path))
            .into();
    let expected =
        ["", "/issues", "/issues/{id}", "/pulls", "/tree/main"].map(|page| format!("/{{slug}}/{{slug}}{page}"));
    assert_eq!(routes, expected.into());
}

#[test]
fn the_number_of_routes_is_bounded() {
    let mut routes = Routes::default();
    let mut seen = BTreeSet::new();
    for n in 0..200_000_u32 {
        let path = format!("/{}/{}/{}", letters(n % 17), letters(n.wrapping_mul(2_654_435_761)), letters(n / 3));
        seen.insert(inferred(&mut routes, &path));
    }
    assert!(seen.len() < 10_000, "{}", seen.len());
}

#[test]
fn services_learn_for_themselves() {
    let mut routes = Routes::default();
    let (shop, blog) = (Arc::from("shop"), Arc::from("blog"));
    for n in 0..1_000 {
        routes.route(Some(&shop), &format!("/{}", letters(n)));
    }
    assert_eq!(routes.route(Some(&shop), "/new"), Route::Inferred("/{slug}".to_owned()));
    assert_eq!(routes.route(Some(&blog), "/new"), Route::Inferred("/new".to_owned()));
}

#[test]
fn given_patterns_come_first() {
    let pattern = |text| Pattern::parse(text).unwrap();
    let mut routes =
        Routes::new(vec![pattern("/users/{id}"), pattern("/api/*"), pattern("/files/**")], vec![pattern("/healthz")]);
    for (path, expected) in [
        ("/users/alice", Route::Given("/users/{id}".to_owned())),
        ("/api/x", Route::Given("/api/*".to_owned())),
        ("/files", Route::Given("/files/**".to_owned())),
        ("/files/a/b/c", Route::Given("/files/**".to_owned())),
        ("/healthz", Route::Ignored),
        ("/users/alice/posts", Route::Inferred("/users/alice/posts".to_owned())),
        ("/api/", Route::Inferred("/api/".to_owned())),
    ] {
        assert_eq!(routes.route(None, path), expected, "{path}");
    }
}

#[test]
fn what_is_no_pattern_says_where() {
    for (text, at) in [("users", 0), ("/a/**/b", 6), ("/a/x{id}", 3), ("/{}", 1)] {
        assert_eq!(Pattern::parse(text).unwrap_err().at, at, "{text}");
    }
}

/// Whether `route` is a pattern of `path`: the same segment or a placeholder in every place.
fn fits(route: &str, path: &str) -> bool {
    let mut parts = path.trim_start_matches('/').split('/');
    for part in route.trim_start_matches('/').split('/') {
        match (part, parts.next()) {
            ("**", _) => return true,
            (part, Some(segment)) if part == segment || part.starts_with('{') => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

#[test]
fn a_route_once_learned_stays() {
    let mut routes = Routes::default();
    let paths: Vec<String> = (0..4_000_u32)
        .map(|n| match n % 6 {
            0 => format!("/users/{}", letters(n)),
            1 => format!("/users/{}/orders/{n}", letters(n)),
            2 => format!("/articles/2026-01-{:02}/{}-{}", n % 28 + 1, letters(n), letters(n + 1)),
            3 => format!("/{}/{}/commits/{:040x}", letters(n % 700), letters(n * 7), u64::from(n) * 977_777_777),
            _ => ["/login", "/cart", "/search", "/users/me", "/articles"][n as usize / 2 % 5].to_owned(),
        })
        .collect();
    let all = |routes: &mut Routes| -> Vec<String> { paths.iter().map(|path| inferred(routes, path)).collect() };
    let first = all(&mut routes);
    let learned = all(&mut routes);
    for _ in 0..3 {
        assert_eq!(all(&mut routes), learned);
    }
    for (path, (first, learned)) in paths.iter().zip(first.iter().zip(&learned)) {
        assert!(fits(first, path) && fits(learned, path), "{path}: {first}, {learned}");
    }
    let number = |routes: &[String]| routes.iter().collect::<BTreeSet<_>>().len();
    assert!(number(&learned) < 20, "{:#?}", learned.iter().collect::<BTreeSet<_>>());
    // What was given out while learning is bounded too, and is in most rows what it is later.
    assert!(number(&first) < 500, "{}", number(&first));
    for place in ["/login", "/cart", "/search", "/users/me", "/articles"] {
        assert!(learned.iter().any(|route| route == place), "{place} is a place of its own");
    }
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut routes = Routes::default();
    let long = "x".repeat(5_000);
    assert_eq!(inferred(&mut routes, &format!("/{long}/a")), "/{id}/a");
    let services: Vec<Arc<str>> = (0..40).map(|n| Arc::from(format!("s{n}"))).collect();
    for service in &services {
        // Few siblings everywhere, so that nothing is merged.
        for n in 0..6_000_u32 {
            let path = format!("/{}/{}/{}/{}", letters(n % 20), letters(n / 20 % 20), letters(n / 400), letters(n));
            routes.route(Some(service), &path);
        }
    }
    assert!(routes.nodes <= ALL_NODES, "{}", routes.nodes);
    let known: usize = routes.learned.values().map(Tree::nodes).sum();
    assert_eq!(known, routes.nodes);
}

/// The URLs that tshark found in the shared captures, each capture a service.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn urls_of_real_captures() {
    let corpora = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora");
    let mut requests: Vec<(Arc<str>, String)> = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(corpora)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".tshark-http.tsv") {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                let column = text.lines().next().unwrap().split('\t').position(|name| name == "http.request.uri");
                let column = column.unwrap();
                let targets = text.lines().skip(1).filter_map(|line| line.split('\t').nth(column)?.split('|').next());
                let paths = targets.map(|target| target.split('?').next().unwrap_or_default());
                requests
                    .extend(paths.filter(|path| path.starts_with('/')).map(|path| (name.as_str().into(), path.into())));
            }
        }
    }
    assert!(requests.len() > 300, "{} requests", requests.len());
    let mut routes = Routes::default();
    let all = |routes: &mut Routes| -> Vec<String> {
        let route = |(service, path): &(Arc<str>, String)| match routes.route(Some(service), path) {
            Route::Inferred(route) => route,
            other => panic!("{path}: {other:?}"),
        };
        requests.iter().map(route).collect()
    };
    all(&mut routes);
    let learned = all(&mut routes);
    assert_eq!(all(&mut routes), learned, "learned, and stays");
    for ((_, path), route) in requests.iter().zip(&learned) {
        assert!(fits(route, path), "{path}: {route}");
    }
    let of = |wanted: &str| requests.iter().zip(&learned).find(|((_, path), _)| path == wanted).map(|(_, route)| route);
    let container = "cc4fc8e49cadbb8bc41437dc2f9979a72293eabc3f0ea5ce48b77f43cb1f1d5e";
    for action in ["start", "attach", "wait"] {
        let route = of(&format!("/v1.41/containers/{container}/{action}"));
        assert_eq!(route, Some(&format!("/v1.41/containers/{{hash}}/{action}")));
    }
    assert_eq!(of("/api/v4/users/login").map(String::as_str), Some("/api/v4/users/login"));
}

/// A name in letters, different for every number.
fn letters(mut n: u32) -> String {
    let mut name = String::from("n");
    loop {
        name.push(char::from(b'a' + u8::try_from(n % 26).unwrap()));
        n /= 26;
        if n == 0 {
            return name;
        }
    }
}
