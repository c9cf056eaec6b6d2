//! What was measured, as a table or as JSON; each figure of tidegate with its ratio to the floor's.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::measure::Figures;
use crate::options::Case;

/// One server's line.
#[derive(Debug)]
pub struct Row {
    /// What was run.
    pub case: Case,
    /// The floor's figures.
    pub floor: Figures,
    /// Tidegate's.
    pub tidegate: Figures,
}

/// The key in JSON, the head in the table, the figure, and whether the floor's can be compared: it reads no files.
type Column = (&'static str, &'static str, fn(&Figures) -> f64, bool);

const COLUMNS: [Column; 10] = [
    ("cold_ms", "cold, all ms", |figures| figures.cold_ms, true),
    ("cold_cpu_us", "CPU/stream cold µs", |figures| figures.cold_cpu, true),
    ("rss_kb", "RSS/stream kB", |figures| figures.rss_kb, true),
    ("first_ms", "update first ms", |figures| figures.first_ms, false),
    ("p50_ms", "p50 ms", |figures| figures.p50_ms, false),
    ("p99_ms", "p99 ms", |figures| figures.p99_ms, false),
    ("spread_ms", "first to p99 ms", |figures| figures.p99_ms - figures.first_ms, true),
    ("update_cpu_us", "CPU/stream/update µs", |figures| figures.update_cpu, true),
    ("alone_cpu_us", "CPU/update alone µs", |figures| figures.alone_cpu, false),
    ("bytes", "bytes/stream/update", |figures| figures.bytes, true),
];

/// The table.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["services", "streams", "mode", "node", "server"].into_iter().chain(COLUMNS.map(|column| column.1)));
    for Row { case, floor, tidegate } in rows {
        let line = |server: &str, figures: [String; COLUMNS.len()]| {
            let head = [
                case.services.to_string(),
                case.streams.to_string(),
                case.mode.to_string(),
                case.node.name().into(),
                server.into(),
            ];
            head.into_iter().chain(figures).collect::<Vec<_>>()
        };
        table.add_row(line("floor", COLUMNS.map(|column| plain(column.2(floor)))));
        table.add_row(line("tidegate", COLUMNS.map(|column| plain(column.2(tidegate)))));
        table.add_row(line("ratio", COLUMNS.map(|column| ratio(column, floor, tidegate))));
    }
    table.column_iter_mut().skip(5).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// The same for programs: one object a case.
pub fn json(rows: &[Row]) -> Value {
    let figures =
        |of: &Figures| Value::Object(COLUMNS.iter().map(|(key, _, get, _)| ((*key).to_owned(), json!(get(of)))).collect());
    let row = |Row { case, floor, tidegate }: &Row| {
        json!({
            "services": case.services, "streams": case.streams, "mode": case.mode.to_string(), "node": case.node.name(),
            "floor": figures(floor), "tidegate": figures(tidegate),
        })
    };
    rows.iter().map(row).collect()
}

fn ratio((_, _, get, comparable): Column, floor: &Figures, tidegate: &Figures) -> String {
    if comparable { format!("{:.2}", get(tidegate) / get(floor)) } else { String::new() }
}

fn plain(figure: f64) -> String {
    if figure.abs() < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}
