//! The projector from outside: a real log, a real read model, commands through the domain.

#![allow(clippy::unwrap_used)]

mod catching_up;
mod folding;
mod log_identity;
mod parking;
mod proofs;
mod random;
mod rebuilding;
mod refusing;
mod shop;
mod stock;
mod stockroom;
mod topic;
mod turns;
mod two_types;

/// Every case on one backend.
macro_rules! on {
    ($backend:ident, $views:expr, [$($group:ident::$case:ident),* $(,)?]) => {
        mod $backend {
            use rig::views::Views;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
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
        on!(postgres, Views::postgres("projections kept in PostgreSQL").await, [$($cases)*]);
    };
}

on_both_backends! {
    catching_up::a_killed_projector_goes_on_where_its_rows_are,
    catching_up::two_projectors_on_one_read_model_have_one_effect,
    catching_up::a_writer_that_was_overtaken_is_refused,
    catching_up::a_stopped_projection_stands_still_and_catches_up_when_it_is_started,
    catching_up::a_lone_event_is_visible_at_once,
    folding::a_placed_and_a_cancelled_order_leave_their_rows,
    folding::a_draft_is_found_by_the_products_it_has_now,
    folding::a_product_on_two_lines_counts_once_and_a_note_changes_no_list,
    folding::names_are_those_of_the_order_placed_last_whenever_it_is_imported,
    folding::sums_larger_than_64_bits_are_exact,
    folding::the_summary_has_what_lists_show,
    log_identity::a_log_shorter_than_its_views_is_refused_until_everything_is_rebuilt,
    log_identity::another_log_of_the_same_length_is_refused,
    log_identity::a_log_that_goes_back_under_a_running_projector_is_noticed,
    log_identity::views_that_cannot_be_written_say_so_until_they_can,
    log_identity::verify_tells_views_that_stay_behind_and_folds_what_they_have_not_seen,
    parking::a_poison_event_parks_its_order_and_no_other,
    parking::what_still_does_not_fit_stays_parked,
    parking::a_parked_order_goes_on_once_its_events_fit,
    parking::what_is_parked_behind_an_event_that_cannot_be_read_back_stays,
    proofs::every_event_is_a_leaf_whether_others_can_read_it_or_not,
    proofs::checkpoints_follow_the_tree_and_go_to_the_file,
    proofs::a_tree_that_continues_nothing_signed_is_never_signed,
    proofs::a_file_that_is_no_checkpoint_of_this_key_stops_the_signer,
    rebuilding::a_changed_row_is_found_by_verify_and_mended_by_a_rebuild,
    rebuilding::a_rebuild_during_live_projecting_loses_nothing,
    rebuilding::an_interrupted_rebuild_goes_on_where_it_stopped,
    rebuilding::a_rebuild_is_taken_over_behind_what_its_owner_still_wrote,
    rebuilding::a_rebuild_leaves_the_tables_with_the_indexes_they_had,
    rebuilding::a_rebuild_killed_anywhere_can_be_run_again,
    rebuilding::a_second_rebuild_is_refused_until_the_first_falls_silent,
    rebuilding::a_rebuild_can_be_rolled_back_and_the_old_rows_catch_up,
    rebuilding::rows_of_an_older_build_serve_until_they_are_rebuilt,
    refusing::a_row_that_the_database_refuses_parks_its_order_until_it_is_retried,
    refusing::a_retry_takes_what_it_can_and_leaves_what_is_still_refused,
    refusing::a_rebuild_parks_what_is_refused_and_takes_it_when_it_no_longer_is,
    refusing::what_a_trigger_refuses_is_parked_wherever_it_is,
    refusing::a_hole_in_the_log_parks_nothing_and_is_named,
    stock::a_server_that_begins_to_keep_stock_catches_up_and_one_that_ends_it_passes_by,
    stock::an_unreadable_event_parks_its_item_or_reservation_and_no_other,
    stock::a_parked_item_and_reservation_go_on_once_their_events_fit,
    stock::what_no_row_can_hold_is_parked_and_names_are_kept_whatever_they_are,
    stock::due_reservations_are_the_soft_ones_whose_time_has_run_out,
    two_types::a_parked_voucher_leaves_the_order_of_its_id_alone,
    two_types::a_parked_order_leaves_the_voucher_of_its_id_alone,
    two_types::the_history_of_a_stream_is_that_of_its_type,
    two_types::the_history_keeps_the_case_of_a_stream_that_belongs_to_another,
    two_types::an_event_of_an_unknown_type_stays_parked_and_stops_no_retry,
    two_types::streams_of_a_foreign_type_are_passed_by,
}
