//! The codes of problems. A code, once published, keeps its meaning; `docs/problems.md` explains each.

macro_rules! codes {
    ($($name:ident = $code:literal;)*) => { $(pub(crate) const $name: &str = $code;)* };
}

// The text itself.
codes! {
    SYNTAX = "T001";
    TAB = "T002";
    ENCODING = "T003";
    CONTROL_CHARACTER = "T004";
    EMPTY_FILE = "T005";
    TOO_LARGE = "T006";
    SECOND_DOCUMENT = "T007";
    DUPLICATE_KEY = "T008";
    ALIAS = "T009";
    TOO_DEEP = "T010";
}

// Keys, and what kind of thing stands under them.
codes! {
    UNKNOWN_KEY = "T011";
    MISSING_KEY = "T012";
    WRONG_KIND = "T013";
    QUOTE_IT = "T014";
    EXCLUDES = "T015";
    NOTHING_IN_IT = "T016";
    LISTED_TWICE = "T017";
}

// Single values.
codes! {
    NOT_A_NAME = "T020";
    NOT_A_SHARE = "T021";
    NOT_A_DURATION = "T022";
    NOT_A_NUMBER = "T023";
    UNKNOWN_WORD = "T024";
    NOT_A_HOST = "T025";
    NOT_A_PATH = "T026";
    NOT_AN_ADDRESS = "T027";
    NOT_A_URL = "T028";
    NOT_HTTP = "T029";
}

// Versions and their endpoints.
codes! {
    UNKNOWN_VERSION = "T030";
    NO_SUCH_FILE = "T031";
    NO_ENDPOINTS = "T032";
    SHARED_ENDPOINT = "T033";
    NOT_IN_PLACE = "T034";
    ROLLING_OVER_DNS = "T035";
}

// Shares.
codes! {
    NOT_100_PERCENT = "T040";
    SECOND_REST = "T041";
    EMPTY_REST = "T042";
}

// Rules.
codes! {
    BAD_REGEX = "T050";
    FOREIGN_REGEX = "T051";
    COVERED_RULE = "T052";
    TOO_MANY_ALTERNATIVES = "T053";
    LARGE_REGEX = "T054";
    RULE_OUTSIDE = "T055";
}

// Strategies.
codes! {
    TWO_STRATEGIES = "T060";
    NO_STRATEGY = "T061";
    NO_CANDIDATE = "T062";
    CANDIDATE_IS_STABLE = "T063";
    BAD_STEP = "T064";
    STEP_BACK = "T065";
    BAD_WINDOW = "T066";
    NO_LIMIT = "T067";
    BAD_SEQUENCE = "T068";
    NOT_SERVED_YET = "T069";
}

// Several files, and the configuration.
codes! {
    SERVICE_TWICE = "T070";
    HOST_TWICE = "T071";
    UNKNOWN_FLEET = "T072";
    PORT_CLASH = "T073";
    NO_CLIENT_CA = "T074";
    PATTERN_UNDER_SCOPES = "T075";
    PREVIEW_IS_HOST = "T076";
}

// Worth a look.
codes! {
    TLS_UNVERIFIED = "T080";
    UNASKED_PATH = "T081";
    PATTERN_AMONG_MANY = "T082";
    MANY_MORE = "T089";
}
