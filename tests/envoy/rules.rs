//! Rules: exact matches go where the rule says, and nothing else does.

use crate::on_every_envoy;
use crate::world::{Setup, World};

const RULES: &str = r#"
stable: v41
rules:
  - name: qa
    when: {header: {x-canary: "always"}}
    send: v42
  - name: not-for-bots
    when: {header: {user-agent: {contains: bot}}}
    send: v41
  - name: beta
    when: {cookie: {beta: "1"}, path: {prefix: /cart}}
    send: v42
  - name: preview
    when:
      any:
        - query: {preview: v42}
        - header: {x-role: {in: [staff, support]}}
    send: v42
"#;

/// Path and headers, and who must answer. The cookie rows matter most on the oldest Envoy: it drops matches that it does not know.
const REQUESTS: [(&str, &[(&str, &str)], &str); 14] = [
    ("/", &[], "v41"),
    ("/", &[("x-canary", "always")], "v42"),
    ("/", &[("X-Canary", "always")], "v42"),
    ("/", &[("x-canary", "Always")], "v41"),
    ("/", &[("x-canary", "always-not")], "v41"),
    ("/", &[("user-agent", "a bot"), ("x-role", "staff")], "v41"),
    ("/cart", &[("cookie", "beta=1")], "v42"),
    ("/cart/7", &[("cookie", "a=b; beta=1; c=d")], "v42"),
    ("/cart", &[("cookie", "alphabeta=1")], "v41"),
    ("/cart", &[("cookie", "beta=10")], "v41"),
    ("/", &[("cookie", "beta=1")], "v41"),
    ("/?preview=v42", &[], "v42"),
    ("/?preview=v421", &[], "v41"),
    ("/", &[("x-role", "support")], "v42"),
];

async fn exact_matches_go_where_the_rule_says(setup: Setup) {
    let mut world = World::new(setup, &["v41", "v42"], |at| at.checkout(&["v41", "v42"], RULES)).await;
    let mut wrong = Vec::new();
    for (path, headers, want) in REQUESTS {
        let answer = world.get(path, headers).await;
        if answer.version.as_deref() != Some(want) {
            wrong.push(format!("{path} {headers:?}: {:?} {}, want {want}", answer.version, answer.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

on_every_envoy!(exact_matches_go_where_the_rule_says);
