//! A draft's lines compared with a plain map of them, under random additions, changes and removals.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use domain::order::OrderCommand;
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::*;

proptest! {
    #[test]
    fn a_drafts_lines_are_what_was_added_changed_and_not_removed(
        steps in prop::collection::vec((0_u8..3, 1_u32..12, 1_u32..5, 0_i64..900), 1..40),
    ) {
        let mut story = given(&[create(true, vec![])]);
        let (mut lines, mut next) = (BTreeMap::<u32, (u32, i64)>::new(), 1);
        for (kind, line_id, quantity, price) in steps {
            match kind {
                0 => {
                    story.tell(&add_line("tea", quantity, &cents(price).to_string())).unwrap();
                    lines.insert(next, (quantity, price));
                    next += 1;
                }
                1 => {
                    let change = OrderCommand::ChangeLineQuantity { line_id, quantity };
                    prop_assert_eq!(story.tell(&change).is_ok(), lines.contains_key(&line_id));
                    lines.entry(line_id).and_modify(|line| line.0 = quantity);
                }
                _ => {
                    let removed = story.tell(&OrderCommand::RemoveLine { line_id });
                    prop_assert_eq!(removed.is_ok(), lines.remove(&line_id).is_some());
                }
            }
            let order = story.order();
            let found = order.lines.iter().map(|line| (line.line_id, (line.quantity, line.unit_price.minor())));
            prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), lines.clone());
            let total: i64 = lines.values().map(|(quantity, price)| i64::from(*quantity) * price).sum();
            prop_assert_eq!(order.total, cents(total));
        }
    }
}
