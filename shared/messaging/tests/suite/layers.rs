//! The layers that a service adds around its handlings and its batches.

use std::sync::{Arc, Mutex};

use event::Envelope;
use futures_util::{FutureExt, future::BoxFuture};
use messaging::{
    bus::memory::MemoryBus,
    failure::{Failure, HandlerError},
    handler::Handlers,
    middleware::{BatchLayer, HandlerLayer},
    testing::{
        self, TestService,
        orders::{ORDERS, order, placed},
        stage::{WriteDown, database, effects, publish, reader_handlers},
    },
};

/// What happened, in its order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn write(&self, note: String) {
        self.0.lock().unwrap().push(note);
    }
}

/// Notes when a handling begins and ends; refuses it, after its work, if told so.
struct Noting {
    name: &'static str,
    notes: Notes,
    refuses: bool,
}

impl HandlerLayer for Noting {
    fn around<'a>(
        &'a self,
        event: &'a Envelope,
        handling: BoxFuture<'a, Result<(), Failure>>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            self.notes.write(format!("{} begins {}", self.name, event.event_type));
            handling.await?;
            self.notes.write(format!("{} ends", self.name));
            if self.refuses { Err(HandlerError::Permanent(anyhow::anyhow!("refused")).into()) } else { Ok(()) }
        }
        .boxed()
    }
}

fn batches(name: &'static str, notes: &Notes) -> BatchLayer {
    let notes = notes.clone();
    BatchLayer::new(move |batch, next| {
        let notes = notes.clone();
        async move {
            notes.write(format!("{name}: {} in a batch", batch.messages.len()));
            next.run(batch).await
        }
    })
}

/// One event through handlers with these layers; gives the effects, and what is parked.
async fn handle_one(layers: impl FnOnce(Handlers) -> Handlers) -> (Vec<String>, i64) {
    let bus = MemoryBus::new();
    let owner = database("orders").await;
    let mut owner = TestService::start(&owner, &bus, ORDERS, Handlers::new(), testing::settings()).await;
    let handlers = layers(reader_handlers(&WriteDown::default()));
    let reader = TestService::start(&database("reader").await, &bus, &[], handlers, testing::settings()).await;
    reader.until_live().await;
    publish(&owner.database, &placed(order(), "Ada")).await;
    testing::settle(&mut [&mut owner]).await;
    let parked = sqlx::query_scalar("SELECT count(*) FROM parked").fetch_one(&reader.database.pool).await.unwrap();
    (effects(&reader.database).await, parked)
}

#[tokio::test]
async fn the_layers_of_a_service_surround_batches_and_handlings_in_their_order() {
    let notes = Notes::default();
    let noting = |name| Noting { name, notes: notes.clone(), refuses: false };
    let layers = |handlers: Handlers| {
        let handlers = handlers.layer(noting("inner")).layer(noting("outer"));
        handlers.batch_layer(batches("first", &notes)).batch_layer(batches("second", &notes))
    };
    assert_eq!(handle_one(layers).await, (vec!["Ada".to_owned()], 0));
    assert_eq!(
        *notes.0.lock().unwrap(),
        [
            "first: 1 in a batch",
            "second: 1 in a batch",
            "outer begins order_placed",
            "inner begins order_placed",
            "inner ends",
            "outer ends"
        ]
    );
}

#[tokio::test]
async fn what_a_layer_refuses_is_rolled_back_and_parked() {
    let refusing = Noting { name: "refusing", notes: Notes::default(), refuses: true };
    assert_eq!(handle_one(|handlers| handlers.layer(refusing)).await, (Vec::new(), 1));
}
