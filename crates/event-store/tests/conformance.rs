//! What every backend must do, said once.
//!
//! `conformance_cases!` is the one list. Each backend with a storage of its own expands it in full, so a case cannot be
//! left out for one of them, and a case that is not in the list is dead code, which the lints refuse. The log in memory
//! has no rows that could be changed past the store: it leaves out the list's second part and nothing else. A case
//! gets an empty store of the backend and sees it only through the public API and the hooks of [`backend::Backend`].

#![allow(clippy::unwrap_used)]

#[path = "conformance/appending.rs"]
mod appending;
#[path = "conformance/backend.rs"]
mod backend;
#[path = "conformance/cases.rs"]
mod cases;
#[path = "conformance/fixtures.rs"]
mod fixtures;
#[path = "conformance/joint.rs"]
mod joint;
#[path = "conformance/keys.rs"]
mod keys;
#[path = "conformance/leases.rs"]
mod leases;
#[path = "conformance/locks.rs"]
mod locks;
#[path = "conformance/races.rs"]
mod races;
#[path = "conformance/reading.rs"]
mod reading;
#[path = "conformance/sealing.rs"]
mod sealing;
#[path = "conformance/sharing.rs"]
mod sharing;
#[path = "conformance/snapshots.rs"]
mod snapshots;
#[path = "conformance/subscribing.rs"]
mod subscribing;
#[path = "conformance/tampering.rs"]
mod tampering;

macro_rules! conformance_cases {
    ($backend:ident) => {
        $backend! {
            [
                appending::positions_and_versions_count_from_one,
                appending::what_is_stored_is_given_back_to_the_byte,
                appending::a_payload_that_is_not_json_is_refused_and_nothing_is_stored,
                appending::a_text_with_a_nul_is_refused_and_nothing_is_stored,
                appending::a_stale_version_is_refused_and_its_neighbours_are_written,
                appending::entries_of_one_stream_build_on_one_another_in_a_batch,
                appending::thousands_of_entries_go_in_with_one_append,
                appending::an_append_without_entries_changes_nothing,
                appending::recorded_time_never_goes_back,
                appending::one_id_under_two_stream_types_is_two_streams,
                cases::a_stream_is_a_business_case_of_its_own_unless_it_says_otherwise,
                cases::later_events_inherit_the_case_from_any_writer,
                cases::a_case_is_stated_with_the_first_events_alone,
                cases::of_writers_that_begin_a_stream_in_two_cases_one_wins,
                cases::a_log_with_foreign_cases_verifies,
                appending::a_version_that_does_not_exist_yet_leaves_no_gap,
                appending::the_head_hint_follows_appends,
                appending::a_handle_that_only_reads_cannot_append,
                appending::reopening_keeps_everything,
                appending::a_closed_store_says_unavailable,
                locks::a_stream_that_no_cache_knows_is_not_begun_twice,
                races::positions_have_no_gap_when_several_handles_append_at_once,
                races::one_of_many_writers_of_the_same_version_wins,
                races::a_reader_that_follows_the_log_misses_nothing,
                races::a_handle_notices_what_another_one_appended,
                races::an_abandoned_append_is_whole_or_absent,
                races::twins_that_race_leave_one_answer,
                sharing::each_append_is_answered_as_if_it_had_been_made_by_itself,
                sharing::one_stream_touched_by_appends_made_together_is_checked_in_their_order,
                sharing::a_stream_is_begun_once_by_appends_made_together,
                sharing::twins_in_appends_made_together_share_the_first_ones_answer,
                sharing::each_append_made_together_has_its_own_recorded_time,
                sharing::a_caller_that_goes_away_leaves_the_others_their_answers,
                sharing::tasks_that_share_handles_lose_nothing_and_hear_their_own_answers,
                joint::joint_entries_are_written_together,
                joint::one_stale_entry_leaves_all_that_are_joint_with_it_out,
                joint::a_taken_key_leaves_all_that_are_joint_with_it_out,
                joint::what_follows_on_a_stream_that_was_left_out_is_refused,
                joint::an_entry_that_only_reads_its_stream_guards_the_others,
                joint::two_answers_under_one_key_cannot_be_joint,
                joint::joint_entries_keep_together_in_a_shared_transaction,
                joint::writers_that_race_for_the_same_streams_leave_whole_groups,
                keys::a_kept_answer_is_found_with_its_position,
                keys::a_taken_key_gives_the_first_answer_and_writes_nothing,
                keys::a_taken_key_is_reported_before_a_wrong_version,
                keys::twins_in_one_batch_share_the_first_ones_answer,
                keys::an_entry_after_a_duplicate_gets_its_streams_version,
                keys::an_answer_without_events_is_kept,
                keys::answers_come_in_the_order_asked,
                keys::old_answers_are_forgotten_and_permanent_and_recent_ones_are_not,
                reading::pages_of_the_log_are_contiguous_and_bounded,
                reading::a_page_ends_when_it_is_full_of_bytes,
                reading::pages_of_a_stream_hold_that_stream_only,
                reading::many_streams_load_in_the_order_asked,
                reading::a_follower_of_the_log_reads_what_is_stored,
                reading::the_last_event_of_a_type_is_found_behind_a_position,
                reading::an_empty_log_reads_as_empty,
                snapshots::a_stream_loads_from_its_snapshot,
                snapshots::another_snapshot_version_is_not_seen,
                snapshots::an_older_snapshot_does_not_replace_a_newer_one,
                snapshots::a_snapshot_of_what_is_not_in_the_log_is_not_kept,
                leases::a_lease_is_taken_by_one_of_many,
                leases::a_lease_that_showed_life_is_not_taken,
                leases::a_former_holder_changes_nothing,
                leases::a_lease_that_is_given_back_keeps_its_checkpoint,
                leases::a_checkpoint_beyond_the_head_is_refused,
                leases::a_text_with_a_nul_is_refused_wherever_it_stands,
                leases::a_handle_that_only_reads_sees_leases_and_takes_none,
                leases::a_handle_for_leases_takes_them_and_cannot_append,
                sealing::the_first_store_of_keys_is_noted_and_stays,
                tampering::a_sound_log_verifies,
            ]
            // Cases that write to the storage past the store, with SQL.
            [
                locks::rows_that_are_skipped_in_silence_are_counted_by_the_append,
                locks::answers_that_are_skipped_in_silence_are_counted_by_the_append,
                locks::the_schema_refuses_a_head_that_is_not_the_last_event,
                locks::a_log_whose_head_is_not_its_last_event_is_refused_by_name,
                sharing::appends_that_wait_share_one_transaction,
                sharing::an_append_that_the_storage_refuses_fails_alone,
                sharing::rows_that_are_skipped_in_silence_are_counted_in_a_shared_transaction,
                leases::the_epoch_of_a_lease_never_goes_back,
                subscribing::a_subscriber_goes_on_behind_the_last_page_that_was_done,
                subscribing::a_subscriber_waits_for_what_is_appended_and_for_its_shutdown,
                subscribing::a_subscriber_that_was_paused_moves_nothing,
                subscribing::a_subscriber_keeps_its_lease_while_it_works_and_gives_it_back,
                tampering::rows_cannot_be_changed_removed_or_replaced,
                tampering::every_changed_column_is_found_at_its_position,
                cases::a_changed_case_is_found_at_its_position,
                cases::the_schema_knows_one_form_of_each_case,
                tampering::a_removed_row_is_found,
                tampering::swapped_rows_are_found,
                tampering::a_cut_tail_is_found,
                tampering::a_head_that_was_set_back_is_found,
                tampering::an_inserted_row_is_found,
                tampering::a_stream_out_of_order_is_found,
                tampering::the_feed_does_not_pass_over_a_removed_row,
            ]
        }
    };
}

/// Every case on one backend; `None`: it cannot run here, and has said so.
macro_rules! on {
    ($name:ident, $backend:expr, [$($group:ident::$case:ident),* $(,)?]) => {
        mod $name {
            use crate::backend::Backend;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(backend) = $backend {
                        crate::$group::$case(backend).await;
                    }
                }
            )*
        }
    };
}

macro_rules! on_sqlite {
    ([$($cases:tt)*] [$($past_the_store:tt)*]) => {
        on!(sqlite, Some(Backend::sqlite()), [$($cases)* $($past_the_store)*]);
    };
}
conformance_cases!(on_sqlite);

macro_rules! on_postgres {
    ([$($cases:tt)*] [$($past_the_store:tt)*]) => {
        on!(postgres, Backend::postgres().await, [$($cases)* $($past_the_store)*]);
    };
}
conformance_cases!(on_postgres);

macro_rules! on_memory {
    ([$($cases:tt)*] [$($left_out:tt)*]) => {
        on!(memory, Some(Backend::memory()), [$($cases)*]);
    };
}
conformance_cases!(on_memory);
