//! What an answer means.

use http::StatusCode;

/// Longest part of an answer's body that is told, in characters.
const TOLD: usize = 200;

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Go on: 2xx.
    Go,
    /// Do not go on, and why: 4xx.
    Stop(String),
    /// No word either way, and why: it is to be asked again.
    Again(String),
}

impl Answer {
    /// By the status, and the beginning of the body. Of 4xx, these are no verdict: 408 (it waited too long), 425 (too early) and
    /// 429 (too many calls).
    pub(super) fn from_http(status: StatusCode, body: &[u8]) -> Answer {
        match status.as_u16() {
            200..=299 => Answer::Go,
            300..=399 => Answer::Again(format!("answered {status}, and redirects are not followed: name the URL it leads to")),
            408 | 425 | 429 => Answer::Again(told(status, body)),
            400..=499 => Answer::Stop(told(status, body)),
            _ => Answer::Again(told(status, body)),
        }
    }
}

fn told(status: StatusCode, body: &[u8]) -> String {
    let line = first_line(&String::from_utf8_lossy(body));
    if line.is_empty() { format!("answered {status}") } else { format!("answered {status}: {line}") }
}

/// The first line with something on it, with nothing in it that a terminal would obey.
fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(TOLD).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::from_http(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn only_4xx_is_a_no_and_only_2xx_a_yes() {
        for status in [200, 201, 204, 299] {
            assert_eq!(answer(status, "no"), Answer::Go, "{status}");
        }
        for status in [400, 401, 404, 409, 422, 499] {
            assert!(matches!(answer(status, ""), Answer::Stop(_)), "{status}");
        }
        for status in [300, 302, 304, 408, 425, 429, 500, 503, 599, 999] {
            assert!(matches!(answer(status, ""), Answer::Again(_)), "{status}");
        }
    }

    #[test]
    fn the_first_line_is_told() {
        let stop = |text: &str| Answer::Stop(text.to_owned());
        assert_eq!(answer(409, "\r\n  smoke test 7 failed \r\nand more"), stop("answered 409 Conflict: smoke test 7 failed"));
        assert_eq!(answer(409, " \n"), stop("answered 409 Conflict"));
        assert_eq!(answer(409, "a\u{1b}[31mb"), stop("answered 409 Conflict: a\u{fffd}[31mb"));
        assert_eq!(answer(409, &"é".repeat(300)), stop(&format!("answered 409 Conflict: {}", "é".repeat(200))));
        let bytes = Answer::from_http(StatusCode::CONFLICT, b"\xff!");
        assert_eq!(bytes, stop("answered 409 Conflict: \u{fffd}!"));
    }
}
