//! Requests that a rule picks out.

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::proxy::Proxy;
use crate::releases::{FILE, HOST, Two};
use crate::run::{Setup, on_every_envoy};
use crate::server::Server;

/// Each rule but the first sends to `v2`, and looks at a name of its own so that none stands in for another.
const RULES: &str = r#"rules:
  - {name: first, when: {header: {user-agent: {contains: bot}}}, send: v1}
  - {name: exact, when: {header: {x-canary: "always"}}, send: v2}
  - {name: cookie, when: {cookie: {beta: "1"}}, send: v2}
  - {name: cookie-in, when: {cookie: {colour: {in: [red, green, blue]}}}, send: v2}
  - {name: cookie-present, when: {cookie: {debug: {present: true}}}, send: v2}
  - {name: query, when: {query: {preview: v2}}, send: v2}
  - {name: query-prefix, when: {query: {build: {prefix: "42-"}}}, send: v2}
  - {name: path-prefix, when: {path: {prefix: /cart}}, send: v2}
  - {name: path-exact, when: {path: /exactly}, send: v2}
  - {name: posts, when: {method: POST, path: {prefix: /method}}, send: v2}
  - {name: in, when: {header: {x-role: {in: [staff, support]}}}, send: v2}
  - {name: many, when: {header: {x-account: {in: [MANY]}}}, send: v2}
  - {name: contains, when: {header: {user-agent: {contains: Android}}}, send: v2}
  - {name: suffix, when: {header: {x-mail: {suffix: "@example.com"}}}, send: v2}
  - {name: regex, when: {header: {x-build: {regex: "4[0-9]{2}(-rc[0-9]+)?"}}}, send: v2}
  - {name: present, when: {header: {x-trace: {present: true}}}, send: v2}
  - {name: inverted, when: {path: {prefix: /inverted}, header: {x-old: {not: "yes please"}}}, send: v2}
  - {name: absent, when: {path: {prefix: /absent}, cookie: {uid: {present: false}}}, send: v2}
  - {name: both, when: {header: {x-a: "1"}, query: {b: "2"}}, send: v2}
  - {name: either, when: {any: [{header: {x-c: "1"}}, {query: {d: "2"}}]}, send: v2}
  - {name: halves, when: {header: {x-half: "1"}}, send: {v2: 50%, v1: rest}}"#;

/// Path, headers, and who answers.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const ROWS: &[Row] = &[
    ("/", &[], "v1"),
    // Headers.
    ("/", &[("x-canary", "always")], "v2"),
    ("/", &[("X-Canary", "always")], "v2"),
    ("/", &[("x-canary", "always"), ("user-agent", "a bot")], "v1"),
    ("/", &[("x-canary", "Always")], "v1"),
    ("/", &[("x-canary", "always, sometimes")], "v1"),
    ("/", &[("x-role", "support")], "v2"),
    ("/", &[("x-role", "supporter")], "v1"),
    ("/", &[("x-account", "account-number-7")], "v2"),
    ("/", &[("x-account", "account-number-119")], "v2"),
    ("/", &[("x-account", "account-number-120")], "v1"),
    ("/", &[("user-agent", "Mozilla/5.0 (Linux; Android 15)")], "v2"),
    ("/", &[("user-agent", "curl/8")], "v1"),
    ("/", &[("x-mail", "ann@example.com")], "v2"),
    ("/", &[("x-mail", "ann@example.com.example.org")], "v1"),
    ("/", &[("x-build", "421-rc3")], "v2"),
    ("/", &[("x-build", "build 421")], "v1"),
    ("/", &[("x-trace", "anything")], "v2"),
    // Cookies: one of several, wherever it stands, and never a part of another. An Envoy that did not know a field of the rule would
    // send everything to v2.
    ("/", &[("cookie", "beta=1")], "v2"),
    ("/", &[("cookie", "uid=7; beta=1; theme=dark")], "v2"),
    ("/", &[("cookie", "uid=7;beta=1")], "v2"),
    ("/", &[("cookie", "beta=10")], "v1"),
    ("/", &[("cookie", "alphabeta=1")], "v1"),
    ("/", &[("cookie", "uid=beta=1")], "v1"),
    ("/", &[("cookie", "uid=7")], "v1"),
    ("/", &[("cookie", "colour=green")], "v2"),
    ("/", &[("cookie", "colour=grey")], "v1"),
    ("/", &[("cookie", "debug=")], "v2"),
    ("/", &[("cookie", "debugger=1")], "v1"),
    // Query parameters.
    ("/?preview=v2", &[], "v2"),
    ("/?a=1&preview=v2&b=2", &[], "v2"),
    ("/?preview=v3", &[], "v1"),
    ("/?nopreview=v2", &[], "v1"),
    ("/?build=42-7", &[], "v2"),
    ("/?build=742-7", &[], "v1"),
    // Paths.
    ("/cart", &[], "v2"),
    ("/cart/7?x=1", &[], "v2"),
    ("/shop/cart", &[], "v1"),
    ("/exactly", &[], "v2"),
    ("/exactly?x=1", &[], "v2"),
    ("/exactly/so", &[], "v1"),
    ("/method", &[], "v1"),
    // Inversions: what is absent does not satisfy a test.
    ("/inverted", &[], "v2"),
    ("/inverted", &[("x-old", "no")], "v2"),
    ("/inverted", &[("x-old", "yes please")], "v1"),
    ("/absent", &[], "v2"),
    ("/absent", &[("cookie", "theme=dark")], "v2"),
    ("/absent", &[("cookie", "theme=dark; uid=7")], "v1"),
    // Several conditions.
    ("/?b=2", &[("x-a", "1")], "v2"),
    ("/", &[("x-a", "1")], "v1"),
    ("/?b=2", &[], "v1"),
    ("/", &[("x-c", "1")], "v2"),
    ("/?d=2", &[], "v2"),
];

on_every_envoy!(rules_pick_what_they_say);

async fn rules_pick_what_they_say(setup: Setup) {
    let two = Two::start().await;
    let many: Vec<String> = (0..120).map(|i| format!("account-number-{i}")).collect();
    let server = Server::start(&[(FILE, two.file(&RULES.replace("MANY", &many.join(", "))))]).await;
    let proxy = Proxy::start(setup, &server).await;
    let mut wrong = Vec::new();
    for (path, headers, expected) in ROWS {
        let response = proxy.get(HOST, path, headers).await;
        if (response.status, response.version.as_deref()) != (StatusCode::OK, Some(*expected)) {
            wrong.push(format!("{path} {headers:?}: {} from {:?}, not {expected}", response.status, response.version));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(post(&proxy, "/method").await.contains("x-version: v2"));
    assert!(post(&proxy, "/").await.contains("x-version: v1"));
    halves(&proxy, &two).await;
}

/// A rule may send to a split as well.
async fn halves(proxy: &Proxy, two: &Two) {
    let before = two.v2.requests();
    for _ in 0..200 {
        assert_eq!(proxy.get(HOST, "/", &[("x-half", "1")]).await.status, StatusCode::OK);
    }
    let share = two.v2.requests() - before;
    assert!((60..=140).contains(&share), "{share} of 200");
}

async fn post(proxy: &Proxy, path: &str) -> String {
    let mut stream = TcpStream::connect(proxy.address).await.expect("a connection");
    let request = format!("POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("an answer");
    response
}
