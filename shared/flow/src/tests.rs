use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::{logged::fixtures::KNOWN, *};

const ONBOARDED: &str = "customer_created@0
    welcome_email_sent@40<customer_created
    status_points_added@30<customer_created
    customer_onboarded@90<welcome_email_sent";
const COMPENSATED: &str = "customer_created@0
    status_points_added@30<customer_created
    welcome_email_failed@40<customer_created
    customer_deactivated@60<welcome_email_failed
    status_points_revoked@80<customer_deactivated";

fn id(event_type: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, event_type.as_bytes())
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
}

/// Events from `type@ms<cause`, one a line. Seen when they were recorded.
fn events(short: &str) -> Vec<ObservedEvent> {
    let event = |line: &str| {
        let (event_type, rest) = line.trim().split_once('@').unwrap();
        let (ms, cause) = rest.split_once('<').map_or((rest, None), |(ms, cause)| (ms, Some(id(cause))));
        let owners = contracts::choreography::event_types();
        ObservedEvent {
            event_id: id(event_type),
            event_type: event_type.into(),
            owner: owners.iter().find(|event| event.name == event_type).unwrap().owner.into(),
            customer_id: id("customer"),
            correlation_id: id("customer_created"),
            causation_id: cause,
            trace_id: None,
            sequence: 1,
            recorded_at: at(ms.parse().unwrap()),
            seen_at: at(ms.parse().unwrap()),
        }
    };
    short.lines().map(event).collect()
}

fn without(short: &str, what: &str) -> String {
    short.lines().filter(|line| !line.trim().starts_with(what)).collect::<Vec<_>>().join("\n")
}

fn observed<'a>(events: &'a [ObservedEvent], statuses: &'a [ReportedStatus], now: Timestamp) -> Observed<'a> {
    Observed::new(&KNOWN, events, statuses, now).unwrap()
}

fn evaluate(events: &[ObservedEvent], statuses: &[ReportedStatus], now: Timestamp) -> Evaluated {
    observed(events, statuses, now).evaluate()
}

fn tree(short: &str) -> Vec<Node> {
    observed(&events(short), &[], at(100)).detail().tree
}

fn flow_at(ms: i64, short: &str) -> Flow {
    evaluate(&events(short), &[], at(ms)).flow
}

fn says(service: &str, event: &str, state: &str) -> ReportedStatus {
    let held = DeliveryStatus { state: state.into(), reason: None, attempts: None, asked_at: at(0) };
    ReportedStatus { event_id: id(event), service: service.into(), held }
}

#[test]
fn a_flow_is_done_when_every_step_is_there_or_compensated() {
    assert_eq!(flow_at(100, ONBOARDED).state, State::Done);
    assert_eq!(flow_at(100, ONBOARDED).duration_ms, 90);
    assert_eq!(flow_at(100, COMPENSATED).state, State::Compensated);
    assert_eq!(flow_at(1_000_000_000, COMPENSATED).overdue, []);
}

#[test]
fn a_missing_step_runs_until_it_is_overdue_and_then_names_its_service() {
    for (missing, service, event, within) in [
        ("status_points_added", "loyalty", "customer_created", 10_000),
        ("welcome_email_sent", "email", "customer_created", 30_000),
        ("customer_onboarded", "customer", "welcome_email_sent", 10_040),
    ] {
        let short = without(&without(ONBOARDED, missing), "customer_onboarded");
        assert_eq!(flow_at(within - 1, &short).state, State::Running, "{missing}");
        let evaluated = evaluate(&events(&short), &[], at(5000));
        assert_eq!(evaluated.due_at, Some(at(within)), "{missing}");
        let stuck = flow_at(within, &short);
        assert_eq!((stuck.state, stuck.since), (State::Stuck, at(within)), "{missing}");
        let [overdue] = stuck.overdue.as_slice() else { panic!("{:?}", stuck.overdue) };
        assert_eq!((overdue.service.as_str(), overdue.event_id), (service, id(event)));
        assert!(overdue.expects.iter().any(|expected| expected == missing));
    }
}

#[test]
fn an_old_event_that_was_seen_just_now_is_not_judged_at_once() {
    let mut late = events("customer_created@0");
    late[0].seen_at = at(60_000);
    assert_eq!(evaluate(&late, &[], at(60_001)).flow.state, State::Running);
    let stuck = evaluate(&late, &[], at(63_000)).flow;
    assert_eq!((stuck.state, stuck.since), (State::Stuck, at(10_000)));
}

#[test]
fn points_that_are_not_booked_need_not_be_taken_back_once_loyalty_says_that_it_is_done() {
    let short = without(&without(COMPENSATED, "status_points_added"), "status_points_revoked");
    assert_eq!(flow_at(20_000, &short).state, State::Stuck);
    let waits = evaluate(&events(&short), &[says("loyalty", "customer_created", "waiting")], at(20_000)).flow;
    assert_eq!(waits.overdue[0].held.as_ref().unwrap().state, "waiting");
    let handled = evaluate(&events(&short), &[says("loyalty", "customer_created", "handled")], at(20_000));
    assert_eq!((handled.flow.state, handled.due_at), (State::Compensated, None));
}

#[test]
fn what_was_handled_and_not_answered_is_overdue_all_the_same() {
    let short = "customer_created@0\nwelcome_email_sent@40<customer_created";
    let flow = evaluate(&events(short), &[says("loyalty", "customer_created", "handled")], at(20_000)).flow;
    assert_eq!(flow.state, State::Stuck);
}

#[test]
fn an_event_that_answers_another_one_is_no_answer() {
    let short = "customer_created@0
        welcome_email_sent@40<customer_created
        status_points_added@50<welcome_email_sent";
    let flow = flow_at(20_000, short);
    assert!(flow.overdue.iter().any(|overdue| overdue.expects == ["status_points_added"]), "{:?}", flow.overdue);
}

#[test]
fn half_a_gate_waits_and_in_a_flow_that_failed_it_waits_for_nothing() {
    let half = "customer_created@0\nstatus_points_added@30<customer_created";
    assert_eq!(flow_at(20_000, half).state, State::Running);
    assert_eq!(flow_at(90, &without(COMPENSATED, "status_points_revoked")).state, State::Running);
    assert_eq!(flow_at(100_000, COMPENSATED).state, State::Compensated);
}

#[test]
fn an_effect_without_its_cause_says_so_until_the_cause_is_there() {
    let short = without(ONBOARDED, "customer_created");
    let early = flow_at(100, &short);
    assert_eq!((early.state, early.began_with), (State::Running, None));
    let stuck = flow_at(20_000, &short);
    assert_eq!(stuck.state, State::Stuck);
    assert_eq!(stuck.overdue[0].service, "flow_view");
    assert!(stuck.overdue[0].what.contains("the cause of"), "{:?}", stuck.overdue);
    let tree = tree(&short);
    assert_eq!((tree.len(), tree[0].missing, tree[0].effects.len()), (1, true, 2));
    assert_eq!(flow_at(20_000, ONBOARDED).began_with.as_deref(), Some("customer_created"));
}

#[test]
fn two_outcomes_that_exclude_each_other_are_a_problem() {
    let both = format!("{ONBOARDED}\nwelcome_email_failed@50<customer_created");
    let flow = flow_at(60, &both);
    assert_eq!(flow.state, State::Stuck);
    assert!(flow.problems[0].starts_with("welcome_email_sent and welcome_email_failed"), "{:?}", flow.problems);
}

#[test]
fn every_event_is_under_its_cause_with_the_steps_that_follow() {
    let tree = tree(ONBOARDED);
    let [created] = tree.as_slice() else { panic!("{tree:?}") };
    let states: Vec<_> = created.steps.iter().map(|step| (step.service.as_str(), step.state)).collect();
    assert_eq!(states, [("email", StepState::Done), ("loyalty", StepState::Done)]);
    let effects: Vec<_> = created.effects.iter().map(|node| node.event_type.as_deref().unwrap()).collect();
    assert_eq!(effects, ["status_points_added", "welcome_email_sent"]);
    assert_eq!(created.effects[1].effects[0].event_id, id("customer_onboarded"));
}

#[test]
fn events_that_cause_each_other_are_each_shown_once() {
    let circle = "customer_created@0<customer_onboarded\ncustomer_onboarded@1<customer_created";
    let tree = tree(circle);
    assert_eq!((tree.len(), tree[0].effects.len(), tree[0].effects[0].effects.len()), (1, 1, 0));
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(
        shuffled in Just(events(COMPENSATED)).prop_shuffle(),
        count in 1..=5_usize,
        now in 0..100_000_i64,
    ) {
        let mut sorted = shuffled[..count].to_vec();
        sorted.sort_by_key(|event| event.recorded_at);
        let one = evaluate(&shuffled[..count], &[], at(now));
        let other = evaluate(&sorted, &[], at(now));
        prop_assert_eq!(one.flow, other.flow);
        prop_assert_eq!(one.due_at, other.due_at);
    }

    #[test]
    fn a_flow_that_is_to_come_says_when_to_look_again(
        shuffled in Just(events(ONBOARDED)).prop_shuffle(),
        count in 1..=4_usize,
        now in 0..60_000_i64,
    ) {
        let evaluated = evaluate(&shuffled[..count], &[], at(now));
        if let Some(due_at) = evaluated.due_at {
            prop_assert!(due_at > at(now));
            let then = evaluate(&shuffled[..count], &[], due_at).flow;
            prop_assert_eq!(then.state, State::Stuck);
            let before = due_at.checked_sub(Duration::from_millis(1)).unwrap();
            prop_assert_eq!(evaluate(&shuffled[..count], &[], before).flow.overdue, evaluated.flow.overdue);
        }
    }
}
