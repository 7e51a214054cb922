//! Tables as Flux prints them: upper-case headers, left-aligned cells, a tab between columns, no borders, no wrapping.

use crate::escape;

/// A table in the making.
pub struct Table {
    headers: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headers.
    pub fn new(headers: &[&str]) -> Self {
        Self { headers: Some(headers.iter().map(|it| it.to_uppercase().replace('_', " ")).collect()), rows: Vec::new() }
    }

    /// The same table without a header line.
    #[must_use]
    pub fn without_headers(mut self) -> Self {
        self.headers = None;
        self
    }

    /// Adds a row; cells are escaped.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|cell| escape::line(cell.as_ref()).into_owned()).collect());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text of it all.
    pub fn render(&self) -> String {
        let lines = || self.headers.iter().chain(&self.rows);
        let columns = lines().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| lines().filter_map(|it| it.get(column)).map(|it| it.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        let mut text = String::new();
        for line in lines() {
            for (column, cell) in line.iter().enumerate() {
                text.push_str(cell);
                if column + 1 < line.len() {
                    text.extend(std::iter::repeat_n(' ', widths[column].saturating_sub(cell.chars().count())));
                    text.push('\t');
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_padded_and_a_tab_stands_between_them() {
        let mut table = Table::new(&["name", "last_seen", "message"]);
        table.row(["a", "3m", "two\nlines"]);
        table.row(["long-name", "1h", "\u{1b}[31m"]);
        assert_eq!(
            table.render(),
            "NAME     \tLAST SEEN\tMESSAGE\n\
             a        \t3m       \ttwo lines\n\
             long-name\t1h       \t\\u{1b}[31m\n"
        );
    }

    #[test]
    fn without_headers_the_rows_alone_make_the_widths() {
        let mut table = Table::new(&["name", "ready"]).without_headers();
        table.row(["a", "True"]);
        assert_eq!(table.render(), "a\tTrue\n");
    }
}
