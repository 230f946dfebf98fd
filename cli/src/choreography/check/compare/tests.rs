//! A fleet that is as declared, and each way in which it may differ.

use super::{
    super::{
        declared::members,
        found::{Publisher, Rights, Topology},
    },
    *,
};

/// A fleet that is as declared.
fn found() -> Found {
    let Declared { exchanges, queues, bindings } = Declared::new();
    let exchange = |name: &String| Exchange { name: name.clone(), kind: "fanout".into(), durable: true };
    let brokers_own =
        ["", "amq.direct"].map(|name| Exchange { name: name.into(), kind: "direct".into(), durable: true });
    let queue = |(name, queue): (&String, &Queue)| found::Queue {
        name: name.clone(),
        kind: queue.kind.into(),
        ..found::Queue::default()
    };
    Found {
        exchanges: exchanges.keys().map(exchange).chain(brokers_own).collect(),
        queues: queues.iter().map(queue).collect(),
        bindings: bindings
            .iter()
            .map(|(exchange, queue)| binding(exchange, queue))
            .chain(queues.keys().map(|queue| binding("", queue)))
            .collect(),
        consumers: queues
            .iter()
            .flat_map(|(queue, at)| at.readers.iter().map(move |user| consumer(user, queue)))
            .collect(),
        publishers: exchanges.iter().map(|(exchange, owner)| publisher(owner, exchange)).collect(),
        rights: Some(members().into_iter().map(|user| own_rights(user, &exchanges)).collect()),
        services: members().into_iter().map(registered).collect(),
    }
}

fn binding(exchange: &str, queue: &str) -> Binding {
    Binding { source: exchange.into(), destination: queue.into(), destination_type: "queue".into() }
}

fn consumer(user: &str, queue: &str) -> Consumer {
    Consumer { queue: queue.into(), user: user.into() }
}

fn publisher(user: &str, exchange: &str) -> Publisher {
    Publisher { exchange: exchange.into(), user: user.into() }
}

fn rights(user: &str, configure: &str, write: &str) -> Rights {
    Rights { user: user.into(), configure: configure.into(), write: write.into() }
}

fn own_rights(user: &str, exchanges: &std::collections::BTreeMap<String, &str>) -> Rights {
    let own: Vec<_> =
        exchanges.iter().filter(|(_, owner)| **owner == user).map(|(name, _)| name.replace('.', "\\.")).collect();
    let own = format!("^({})$", own.join("|"));
    rights(user, &own, &own)
}

fn registered(service: &'static str) -> Registered {
    let names = |events: Vec<EventType>| events.into_iter().map(|event| event.name.to_owned()).collect();
    let topology = Topology {
        service: service.into(),
        publishes: names(publications(service)),
        reacts_to: names(subscriptions(service)),
    };
    Registered { asked: service, topology }
}

/// The one line that `change` brings about.
fn difference(change: impl FnOnce(&mut Found)) -> String {
    let mut found = found();
    change(&mut found);
    let differences = differences(&Declared::new(), &found);
    assert_eq!(differences.len(), 1, "{differences:#?}");
    differences.into_iter().next().unwrap()
}

fn exchange<'a>(found: &'a mut Found, name: &str) -> &'a mut Exchange {
    found.exchanges.iter_mut().find(|exchange| exchange.name == name).unwrap()
}

fn service<'a>(found: &'a mut Found, name: &str) -> &'a mut Topology {
    &mut found.services.iter_mut().find(|service| service.asked == name).unwrap().topology
}

#[test]
fn a_fleet_as_declared_has_no_differences() {
    assert_eq!(differences(&Declared::new(), &found()), Vec::<String>::new());
}

#[test]
fn an_exchange_that_is_missing_is_named_and_its_bindings_are_not() {
    let line = difference(|found| {
        found.exchanges.retain(|exchange| exchange.name != "customer_created");
        found.bindings.retain(|binding| binding.source != "customer_created");
    });
    assert_eq!(line, "missing exchange customer_created: restart customer, which declares it");
}

#[test]
fn an_exchange_of_nobody_is_named_and_its_bindings_are_not() {
    let line = difference(|found| {
        found.exchanges.push(Exchange { name: "gossip".into(), kind: "fanout".into(), durable: true });
        found.bindings.push(binding("gossip", "email"));
    });
    assert!(line.starts_with("orphan exchange gossip: "), "{line}");
}

#[test]
fn an_exchange_must_be_a_durable_fanout() {
    let line = difference(|found| exchange(found, "customer_created").kind = "topic".into());
    assert!(line.starts_with("wrong exchange customer_created: it is a topic, "), "{line}");
    let line = difference(|found| exchange(found, "loyalty.dead").durable = false);
    assert!(line.starts_with("wrong exchange loyalty.dead: it is a transient fanout, "), "{line}");
    assert!(line.ends_with("restart loyalty, which declares it"), "{line}");
}

#[test]
fn a_queue_that_is_missing_is_named_and_its_bindings_are_not() {
    for (queue, service) in [("loyalty", "loyalty"), ("email.history", "email"), ("flow_view.dead", "flow_view")] {
        let line = difference(|found| {
            found.queues.retain(|at| at.name != queue);
            found.bindings.retain(|binding| binding.destination != queue);
        });
        assert_eq!(line, format!("missing queue {queue}: restart {service}, which declares it"));
    }
}

#[test]
fn a_queue_of_nobody_is_named_with_what_it_is_bound_to() {
    let line = difference(|found| {
        found.queues.push(found::Queue { name: "spy".into(), kind: "classic".into(), ..found::Queue::default() });
        found.bindings.extend(["", "customer_created", "customer_deleted"].map(|exchange| binding(exchange, "spy")));
    });
    assert!(line.starts_with("orphan queue spy, bound to customer_created, customer_deleted: "), "{line}");
}

#[test]
fn queues_are_quorum_queues_and_histories_are_streams() {
    let wrong = |name: &'static str| {
        difference(move |found| {
            found.queues.iter_mut().filter(|queue| queue.name == name).for_each(|queue| queue.kind = "classic".into());
        })
    };
    assert!(wrong("loyalty").starts_with("wrong queue loyalty: its type is classic, not quorum; "));
    assert!(wrong("email.history").starts_with("wrong queue email.history: its type is classic, not stream; "));
}

#[test]
fn each_binding_that_is_missing_is_named() {
    for (exchange, queue, fix) in [
        ("customer_created", "loyalty", "loyalty binds it again within a minute"),
        ("customer_created", "customer.history", "restart customer, which then binds it"),
        ("email.dead", "email.dead", "email binds it again within a minute"),
        ("status_points_revoked", "flow_view", "flow_view binds it again within a minute"),
    ] {
        let line = difference(|found| found.bindings.retain(|at| at.source != exchange || at.destination != queue));
        assert_eq!(line, format!("missing binding of queue {queue} to exchange {exchange}: {fix}"));
    }
}

#[test]
fn each_binding_too_many_is_named() {
    let line = difference(|found| found.bindings.push(binding("status_points_added", "email")));
    assert!(line.starts_with("extra binding of queue email to exchange status_points_added: "), "{line}");
    let line = difference(|found| {
        let to_exchange =
            Binding { destination_type: "exchange".into(), ..binding("customer_created", "status_points_added") };
        found.bindings.push(to_exchange);
    });
    assert!(line.starts_with("extra binding of exchange status_points_added to exchange customer_created: "), "{line}");
}

#[test]
fn only_the_service_consumes_its_queue_and_only_those_a_history_who_react() {
    for (user, queue, readers) in [
        ("admin", "loyalty", "loyalty"),
        ("email", "loyalty.dead", "loyalty"),
        ("email", "loyalty.history", "customer, "),
    ] {
        // Several consumers of one user are one difference.
        let line = difference(|found| found.consumers.extend([consumer(user, queue), consumer(user, queue)]));
        let expected = format!("undeclared consumer: user {user} consumes queue {queue}, which is for {readers}");
        assert!(line.starts_with(&expected) && line.ends_with(": stop it"), "{line}");
    }
}

#[test]
fn a_consumer_of_a_queue_of_nobody_is_named_beside_the_queue() {
    let mut found = found();
    found.queues.push(found::Queue { name: "spy".into(), kind: "classic".into(), ..found::Queue::default() });
    found.consumers.push(consumer("admin", "spy"));
    let differences = differences(&Declared::new(), &found);
    assert_eq!(differences.len(), 2, "{differences:#?}");
    assert_eq!(differences[1], "undeclared consumer: user admin consumes queue spy, which is for nobody: stop it");
}

#[test]
fn a_user_who_publishes_another_s_event_is_a_second_writer_also_an_administrator() {
    for user in ["loyalty", "admin"] {
        let line = difference(|found| {
            found.publishers.extend([publisher(user, "customer_created"), publisher(user, "customer_created")]);
        });
        let expected =
            format!("second writer: user {user} publishes to exchange customer_created, which is customer's: ");
        assert!(line.starts_with(&expected), "{line}");
    }
}

#[test]
fn a_user_who_may_write_or_configure_another_s_exchange_is_a_second_writer() {
    let line = difference(|found| found.rights.as_mut().unwrap().push(rights("guest", "^$", "points")));
    let named = "user guest has the right to write exchanges of others (status_points_added, status_points_revoked): ";
    assert!(line.contains(named) && line.contains("narrow `points`"), "{line}");
    let line = difference(|found| found.rights.as_mut().unwrap().push(rights("guest", "^email.dead", "")));
    assert!(line.contains("user guest has the right to configure exchanges of others (email.dead): "), "{line}");
    // No expression of ours: it counts as a match of everything.
    let line = difference(|found| found.rights.as_mut().unwrap().push(rights("guest", "", "^(?!customer)")));
    assert!(line.contains("second writer: user guest"), "{line}");
}

#[test]
fn what_nobody_may_ask_is_no_difference() {
    let found = Found { rights: None, ..found() };
    assert_eq!(differences(&Declared::new(), &found), Vec::<String>::new());
}

#[test]
fn handlers_are_those_that_are_declared() {
    let line = difference(|found| service(found, "loyalty").reacts_to.retain(|event| event != "customer_deactivated"));
    assert!(line.starts_with("missing handler: service loyalty has none for customer_deactivated; "), "{line}");
    let line = difference(|found| service(found, "loyalty").reacts_to.push("welcome_email_sent".into()));
    assert!(line.starts_with("extra handler: service loyalty has one for welcome_email_sent; "), "{line}");
}

#[test]
fn a_service_publishes_its_own_events_and_all_of_them() {
    let line = difference(|found| service(found, "email").publishes.push("customer_created".into()));
    assert!(line.starts_with("foreign event: service email publishes customer_created, "), "{line}");
    let line = difference(|found| service(found, "email").publishes.retain(|event| event != "welcome_email_sent"));
    assert!(line.starts_with("missing event: service email owns welcome_email_sent "), "{line}");
}

#[test]
fn a_url_that_leads_to_another_service_is_the_only_thing_said_of_it() {
    let line = difference(|found| *service(found, "email") = registered("loyalty").topology);
    assert_eq!(line, "wrong service: loyalty answers for email; correct email's URL");
}

#[test]
fn a_policy_that_breaks_a_promise_is_named() {
    let line = difference(|found| {
        let queue = found.queues.iter_mut().find(|queue| queue.name == "loyalty").unwrap();
        queue.policy = Some("everything".into());
        queue.effective_policy_definition =
            serde_json::json!({ "message-ttl": 60000, "overflow": "drop-head", "queue-version": 2 });
    });
    assert!(line.starts_with("policy everything sets message-ttl of queue loyalty to 60000: "), "{line}");
}
