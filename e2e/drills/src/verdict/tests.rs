//! Each way in which a fleet can break its word makes the verdict bad.

use super::*;

fn registration(number: u128, domain: &str) -> Registration {
    let customer_id = Uuid::from_u128(number);
    let email = format!("{number}@{domain}");
    Registration { customer_id, event_id: customer_id, trace_id: String::new(), email }
}

/// A fleet that did everything right for one customer of each kind.
fn good() -> (Vec<Registration>, Observations) {
    let registrations = vec![registration(1, "example.com"), registration(2, "refused.test")];
    let effects_of = |one: &Registration| wanted(one).into_iter().map(|name| (name.to_owned(), 1)).collect();
    let effects = registrations.iter().map(|one| (one.customer_id, effects_of(one))).collect();
    (registrations, Observations { effects, ..Observations::default() })
}

/// What becomes of the verdict when `spoil` is done to the effects of a customer.
fn spoilt<T>(number: u128, expected: &Expected, spoil: impl Fn(&mut HashMap<String, i64>) -> T) -> Verdict {
    let (registrations, mut observations) = good();
    let _ = spoil(observations.effects.entry(Uuid::from_u128(number)).or_default());
    judge("test", &registrations, &observations, expected)
}

#[test]
fn a_fleet_that_did_everything_once_is_good() {
    let (registrations, observations) = good();
    let verdict = judge("test", &registrations, &observations, &Expected::default());
    assert!(verdict.good, "{verdict:?}");
    assert_eq!((verdict.acknowledged, verdict.finished), (2, 2));
}

#[test]
fn nobody_at_all_is_no_success() {
    assert!(!judge("test", &[], &Observations::default(), &Expected::default()).good);
}

#[test]
fn every_single_missing_effect_is_bad() {
    for (number, all) in [(1, ONBOARDED.as_slice()), (2, UNDONE.as_slice())] {
        for missing in all {
            let verdict = spoilt(number, &Expected::default(), |effects| effects.remove(*missing));
            assert!(!verdict.good, "{missing}");
            assert_eq!((verdict.effects_missing, verdict.finished), (1, 1), "{missing}");
        }
    }
}

#[test]
fn every_single_doubled_effect_is_bad() {
    for (number, all) in [(1, ONBOARDED.as_slice()), (2, UNDONE.as_slice())] {
        for doubled in all {
            let verdict = spoilt(number, &Expected::default(), |effects| effects.insert((*doubled).into(), 2));
            assert!(!verdict.good, "{doubled}");
            let counted = if *doubled == MAIL { verdict.mails_doubled } else { verdict.effects_doubled };
            assert_eq!((counted, verdict.finished), (1, 2), "{doubled}");
        }
    }
}

#[test]
fn an_effect_that_should_not_be_there_is_bad() {
    for (number, effect) in [(1, "loyalty.ledger revocation"), (2, MAIL), (2, "customer.outbox customer_onboarded")] {
        let verdict = spoilt(number, &Expected::default(), |effects| effects.insert(effect.into(), 1));
        assert!(!verdict.good && verdict.effects_doubled + verdict.mails_doubled == 1, "{effect}");
    }
}

#[test]
fn copies_disorder_death_and_unrest_each_decide_as_they_should() {
    let cases: [(_, _, fn(&mut Observations)); 6] = [
        ("a copy under one Message-ID", true, |observations| observations.mail_copies = 1),
        ("handled twice", false, |observations| observations.handled_twice = 1),
        ("registered twice", false, |observations| observations.registered_twice = 1),
        ("out of order", false, |observations| observations.out_of_order = 1),
        ("dead", false, |observations| observations.dead = 1),
        ("not quiet", false, |observations| observations.unrest = vec!["customer: 1 to be published".into()]),
    ];
    for (what, good_all_the_same, spoil) in cases {
        let (registrations, mut observations) = good();
        spoil(&mut observations);
        let verdict = judge("test", &registrations, &observations, &Expected::default());
        assert_eq!(verdict.good, good_all_the_same, "{what}: {verdict:?}");
    }
}

#[test]
fn only_so_many_copies_may_come_where_that_is_expected() {
    let expected = Expected { copies: Some(Copies { in_all: 3, of_one: 2 }), ..Expected::default() };
    for (mail_copies, most_copies, good_all_the_same) in [(3, 2, true), (4, 2, false), (3, 3, false), (0, 1, true)] {
        let (registrations, mut observations) = good();
        (observations.mail_copies, observations.most_copies) = (mail_copies, most_copies);
        let verdict = judge("test", &registrations, &observations, &expected);
        assert_eq!(verdict.good, good_all_the_same, "{mail_copies} {most_copies}: {verdict:?}");
    }
}

#[test]
fn only_a_drill_that_may_reorder_may_hear_the_end_before_the_beginning() {
    let may = Expected { may_reorder: true, ..Expected::default() };
    let never_booked =
        |effects: &mut HashMap<String, i64>| effects.retain(|name, _| !NEVER_BOOKED.contains(&name.as_str()));
    assert!(spoilt(2, &may, never_booked).good);
    assert!(!spoilt(2, &Expected::default(), never_booked).good);
    // Half of it is no such case: points were booked and not taken back.
    assert!(!spoilt(2, &may, |effects| effects.remove("loyalty.ledger revocation")).good);

    let (registrations, mut observations) = good();
    observations.out_of_order = 1;
    assert!(judge("test", &registrations, &observations, &may).good);
}

#[test]
fn exactly_the_victims_are_incomplete() {
    let expected = Expected { victims: HashSet::from([Uuid::from_u128(1)]), ..Expected::default() };
    let verdict = spoilt(1, &expected, |effects| effects.remove("loyalty.ledger joining"));
    assert!(verdict.good, "{verdict:?}");
    assert_eq!((verdict.victims, verdict.finished, verdict.effects_missing), (1, 1, 0));
    assert!(!spoilt(1, &expected, |_| {}).good, "the victim is complete");
    assert!(!spoilt(2, &expected, HashMap::clear).good, "another is incomplete");
}

#[test]
fn much_that_is_wrong_is_told_in_part() {
    let registrations: Vec<_> = (0..100).map(|number| registration(number, "example.com")).collect();
    let verdict = judge("test", &registrations, &Observations::default(), &Expected::default());
    assert_eq!(verdict.wrong.len(), TOLD + 1);
    assert_eq!(verdict.wrong[TOLD], "and 95 more");
    assert_eq!(verdict.effects_missing, 100 * ONBOARDED.len());
}
