use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Pattern, Route, Routes};

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
