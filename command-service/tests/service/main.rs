//! The command service over a real store, through its HTTP routes.

#![allow(clippy::unwrap_used)]

mod bodies;
mod commands;
mod document;
mod earlier;
mod hot_stock;
mod idempotency;
mod import;
mod rig;
mod stock;

/// Every case on one backend of the log.
macro_rules! on {
    ($backend:ident, $log:expr, [$($group:ident::$case:ident),* $(,)?]) => {
        mod $backend {
            use crate::rig::Rig;
            use ::rig::log::Log;
            $(
                #[tokio::test]
                async fn $case() {
                    if let Some(log) = $log {
                        crate::$group::$case(Rig::on(log).await).await;
                    }
                }
            )*
        }
    };
}

/// Both backends run the one list in full; a case that is not in it is dead code. (Refused bodies and the document
/// never reach the log.)
macro_rules! on_both_backends {
    ($($cases:tt)*) => {
        on!(sqlite, Some(Log::sqlite()), [$($cases)*]);
        on!(postgres, Log::postgres("commands over PostgreSQL").await, [$($cases)*]);
    };
}

on_both_backends! {
    commands::an_order_lives_from_draft_to_completed,
    commands::creating_answers_where_the_order_is,
    commands::each_broken_rule_has_its_code_and_members,
    commands::what_a_refusal_says_is_true_of_orders_that_are_shipped,
    commands::ids_queries_and_headers_are_read_strictly,
    commands::if_match_guards_and_the_refusal_says_where_the_order_is,
    commands::if_match_guards_the_beginning_of_an_order,
    commands::money_has_the_digits_of_the_orders_currency,
    commands::a_currency_must_be_in_use_for_new_orders_only,
    commands::texts_are_kept_byte_for_byte,
    commands::a_dry_run_shows_the_order_as_it_would_be_and_stores_nothing,
    commands::events_carry_the_requests_correlation_id_and_trace,
    commands::a_store_that_is_gone_is_503_and_says_when_to_try_again,
    earlier::an_order_of_an_earlier_rule_takes_commands,
    idempotency::a_repeated_request_gets_the_first_answer,
    idempotency::a_refusal_of_the_domain_is_kept_too,
    idempotency::an_unknown_order_and_a_broken_body_are_not_kept,
    idempotency::a_broken_field_keeps_no_key_whichever_layer_finds_it,
    idempotency::every_refusal_by_a_rule_keeps_its_key,
    idempotency::a_key_belongs_to_one_request,
    idempotency::twins_sent_at_once_append_once,
    import::importing_twice_appends_once_and_keeps_the_business_times,
    import::a_refused_line_is_reported_and_stops_no_other,
    import::a_line_whose_order_came_later_is_applied_the_next_time,
    import::a_line_may_name_its_stream_by_type_and_id,
    import::a_refused_line_is_decided_again_when_the_file_is_corrected,
    import::a_currency_is_taken_that_was_in_use_at_the_lines_time,
    import::a_leap_second_is_the_moment_that_follows_it,
    import::a_byte_order_mark_before_the_first_line_is_passed_over,
    import::a_time_before_the_year_1_is_refused,
    import::the_summary_tells_where_the_log_stands_even_if_nothing_was_applied,
    import::the_order_of_lines_is_kept_over_many_chunks,
    import::a_client_that_breaks_off_loses_nothing_that_was_accepted,
    import::an_import_ends_when_the_service_drains,
    import::imports_are_bounded_and_their_places_come_back,
    import::more_refusals_than_may_wait_to_be_read_arrive_when_they_are_read,
    import::an_import_is_ndjson_without_parameters,
}
