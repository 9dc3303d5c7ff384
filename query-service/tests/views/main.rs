//! The views from outside: a real log, the real projector, answers over the service's own routes.

#![allow(clippy::unwrap_used)]

mod crowd;
mod documentation;
mod erased;
mod exchanged;
mod feed;
mod lists;
mod one_order;
mod oracle;
mod parameters;
mod proofs;
mod random;
mod shape;
mod shop;
mod stock;
mod stock_random;
#[path = "../../../projector/tests/projector/stockroom.rs"]
mod stockroom;
mod waiting;

/// Every case on one backend.
macro_rules! on {
    ($backend:ident, $views:expr, [$($group:ident::$case:ident),* $(,)?]) => {
        mod $backend {
            use rig::views::Views;
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(views) = $views {
                        crate::$group::$case(views).await;
                    }
                }
            )*
        }
    };
}

/// Both backends expand the one list in full: a case left off for one of them does not compile, and one that is not in
/// it is dead code.
macro_rules! on_both_backends {
    ($($cases:tt)*) => {
        on!(sqlite, Some(Views::sqlite()), [$($cases)*]);
        on!(postgres, Views::postgres("views served from PostgreSQL").await, [$($cases)*]);
    };
}

on_both_backends! {
    crowd::orders_read_together_are_what_each_is_alone,
    crowd::the_past_asked_together_is_what_it_is_alone_and_what_comes_after_is_seen,
    crowd::pages_asked_together_are_what_each_is_alone_and_show_what_came,
    crowd::a_client_that_goes_away_delays_no_other,
    crowd::the_past_is_whole_around_a_large_event,
    documentation::every_answer_has_its_documented_shape,
    documentation::members_stand_in_the_documented_order_whatever_writes_them,
    documentation::every_view_is_documented_with_its_statuses_and_examples,
    erased::an_erasure_shows_on_the_customer_and_on_the_orders_before_it_and_nowhere_else,
    erased::no_answer_from_before_an_erasure_is_confirmed_after_it,
    erased::an_answer_with_a_text_in_it_is_not_confirmed_when_the_text_is_gone,
    erased::one_text_sealed_twice_is_no_change,
    erased::all_that_is_held_is_shown_page_by_page,
    exchanged::a_generation_that_is_put_back_is_not_shown_as_newer_than_it_is,
    exchanged::what_is_composed_in_counts_for_the_token,
    exchanged::no_answer_is_older_than_its_token_while_generations_come_and_go,
    feed::the_feed_is_paged_in_position_order_as_cloud_events,
    feed::an_event_of_another_business_case_says_which,
    feed::a_stream_goes_on_after_the_last_event_seen_and_follows_new_ones,
    feed::a_stream_from_above_the_end_says_where_the_end_is,
    feed::streams_end_when_the_server_drains,
    feed::one_stream_too_many_is_refused_until_another_ends,
    lists::a_traversal_shows_everything_once_while_orders_arrive,
    lists::a_cursor_belongs_to_its_list,
    lists::customers_and_products_count_placed_orders_and_cancelled_ones_separately,
    lists::best_sellers_are_ranked_and_ties_go_to_the_smaller_id,
    lists::the_sales_report_takes_dates_times_months_and_currencies,
    one_order::an_order_is_served_with_its_notes_in_place_and_its_version_as_etag,
    one_order::an_unchanged_order_is_not_sent_again,
    one_order::the_head_of_a_view_has_its_headers_and_no_body,
    one_order::the_past_is_answered_with_the_date_at_which_it_began,
    one_order::an_order_that_never_was_differs_from_one_not_begun_yet,
    one_order::customer_products_and_timeline_are_composed_in,
    one_order::what_is_composed_in_has_a_tag_of_its_own,
    one_order::a_patch_leads_from_one_version_to_any_other,
    one_order::the_history_is_paged_and_gives_payloads_as_they_are_stored,
    one_order::a_long_order_is_replayed_over_several_pages,
    parameters::bad_parameters_are_refused_by_name,
    parameters::other_methods_are_refused_with_what_is_allowed,
    parameters::an_empty_read_model_has_answers_too,
    proofs::every_event_is_in_every_later_tree,
    proofs::one_checkpoint_continues_another,
    proofs::an_order_is_proved_by_its_stored_bytes,
    proofs::a_tree_that_is_not_there_yet_is_refused_by_name,
    stock::a_traversal_shows_what_is_low_once_while_stock_changes,
    stock::an_item_that_is_short_names_the_newest_soft_reservations,
    stock::ids_and_parameters_of_stock_are_read_as_others_are,
    stock::a_view_of_stock_that_is_behind_says_so,
    stock::views_of_stock_have_their_documented_shape_and_are_nowhere_else,
    waiting::a_view_that_is_behind_says_by_how_much,
    waiting::a_request_that_waits_sees_what_was_written,
    waiting::many_waiters_are_woken_together,
}
