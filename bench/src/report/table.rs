//! Figures as rows of a Markdown table, on the terminal and in the documentation.

use super::{Comparison, Figure, Goal};
use std::fmt::Write;

/// The table's head.
pub const HEAD: &str = "| figure | median | lowest – highest | unit | compared with | goal |\n\
                        |---|---|---|---|---|---|";

/// One figure.
pub fn row(figure: &Figure) -> String {
    let ratios: Vec<String> = figure.compared_with.iter().map(ratio).collect();
    let own = figure.goal.map(|goal| verdict(goal, figure.median, ""));
    let relative = figure.compared_with.iter().filter_map(|other| {
        let unit = format!(" × {}", other.name);
        other.goal.map(|goal| verdict(goal, other.ratio, &unit))
    });
    let goals: Vec<String> = own.into_iter().chain(relative).collect();
    format!(
        "| {} | {} | {} – {} | {} | {} | {} |",
        figure.name,
        number(figure.median),
        number(figure.min),
        number(figure.max),
        figure.unit,
        ratios.join("; "),
        goals.join("; ")
    )
}

fn ratio(other: &Comparison) -> String {
    format!("{} × {} ({})", number(other.ratio), other.name, number(other.median))
}

fn verdict(goal: Goal, figure: f64, unit: &str) -> String {
    let (sign, bound) = match goal {
        Goal::AtLeast(bound) => ('≥', bound),
        Goal::AtMost(bound) => ('≤', bound),
    };
    let reached = if goal.is_met(figure) { "reached" } else { "**not reached**" };
    format!("{sign} {}{unit}: {reached}", number(bound))
}

/// Shows three or more significant digits: 0.24, 7.31, 84.2, 11,946.
pub fn number(figure: f64) -> String {
    if figure < 10.0 {
        return format!("{figure:.2}").trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    if figure < 100.0 {
        return format!("{figure:.1}").trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{figure:.0}");
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        write!(grouped, "{digit}").expect("a String takes every character");
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_matter() {
        for (figure, shown) in [
            (0.236, "0.24"),
            (3.0, "3"),
            (84.25, "84.2"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(number(figure), shown);
        }
    }

    #[test]
    fn a_row_shows_ratio_and_whether_the_goal_is_reached() {
        let figure =
            Figure::new("commands, 64 clients", "commands/s", &[10_000.0, 12_000.0, 11_000.0])
                .compared_with("ceiling", &[40_000.0, 24_000.0, 22_000.0], Some(Goal::AtLeast(0.5)))
                .goal(Goal::AtMost(10.0));
        assert_eq!(
            row(&figure),
            "| commands, 64 clients | 11,000 | 10,000 – 12,000 | commands/s | 0.5 × ceiling (24,000) | \
             ≤ 10: **not reached**; ≥ 0.5 × ceiling: reached |"
        );
    }
}
