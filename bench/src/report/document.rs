//! Writes the measured section of a Markdown page, between two markers; the rest of the page belongs to its authors.

use super::results::Results;
use super::table;
use anyhow::{Context, ensure};
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str = "<!-- measured: begin (written by `make bench`, not by hand) -->";
const END: &str = "<!-- measured: end -->";

/// Replaces the text between the markers by the results, and writes the pictures into the folder named like the page.
///
/// # Errors
/// When the page has no markers or cannot be written.
pub fn refresh(page: &Path, results: &Results) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let pictures = super::pictures::draw_all(&page.with_extension(""), results)?;
    std::fs::write(page, replaced(&text, &section(results, &pictures)?)?)?;
    Ok(())
}

fn replaced(text: &str, section: &str) -> anyhow::Result<String> {
    let begin = text.find(BEGIN).with_context(|| format!("the page lacks the line {BEGIN}"))?;
    let end = text.find(END).with_context(|| format!("the page lacks the line {END}"))?;
    ensure!(begin < end, "the page's markers are in the wrong order");
    Ok(format!("{}{BEGIN}\n\n{section}\n{}", &text[..begin], &text[end..]))
}

fn section(results: &Results, pictures: &[(String, String)]) -> anyhow::Result<String> {
    let mut text = format!("{}\n", results.machine);
    for report in &results.cases {
        let runs = match report.runs {
            1 => "one run".to_owned(),
            runs => format!("median of {runs} runs"),
        };
        writeln!(
            text,
            "\n### {} ({}): {runs} of {} s, {}\n\n{}",
            report.case,
            report.backend,
            report.seconds,
            report.measured_at,
            table::HEAD
        )?;
        for figure in &report.figures {
            writeln!(text, "{}", table::row(figure))?;
        }
    }
    for (file, title) in pictures {
        writeln!(text, "\n![{title}]({file})")?;
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let expected = format!("before\n{BEGIN}\n\nnew\n{END}\nafter\n");
        assert_eq!(replaced(&page, "new").unwrap(), expected);
        assert!(replaced("no markers", "new").is_err());
    }
}
