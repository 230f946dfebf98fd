//! A database that answers and refuses what is asked of it: a full disk, a demoted primary, a trigger of somebody's.

use messaging::{
    database::Database,
    health::{Condition, Health},
    testing::{eventually, orders::order, stage::Stage},
};
use sqlx::{AssertSqlSafe, query, query_scalar};

/// Makes the inbox of `database` refuse every row with `code`; counts how often it was asked.
async fn refuse(database: &Database, code: &str) {
    let function = format!(
        "CREATE SEQUENCE refusals;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM nextval('refusals'); RAISE EXCEPTION 'a test' USING ERRCODE = '{code}'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    sqlx::raw_sql(AssertSqlSafe(function)).execute(&database.pool).await.unwrap();
}

async fn refusals(database: &Database) -> i64 {
    query_scalar("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM refusals")
        .fetch_one(&database.pool)
        .await
        .unwrap()
}

async fn accept(database: &Database) {
    query("DROP TRIGGER refuse ON inbox").execute(&database.pool).await.unwrap();
}

#[tokio::test]
async fn what_a_full_disk_refuses_is_held_and_not_parked_and_health_says_why() {
    for (code, reason) in [("53100", "disk is full"), ("25006", "read-only"), ("53200", "out of memory")] {
        let mut stage = Stage::new().await;
        let database = stage.reader.database.clone();
        refuse(&database, code).await;
        stage.create(order(), "Ada").await;
        let heal = async {
            let down = async || match Health::default().look(&database).await.get("database") {
                Some(Condition::Down(said)) => said.contains(reason),
                _ => false,
            };
            eventually(reason, &down).await;
            eventually("it is tried again", || async { refusals(&database).await >= 4 }).await;
            accept(&database).await;
        };
        tokio::join!(stage.settle(), heal);
        assert_eq!(stage.effects().await, ["Ada"]);
        assert!(stage.parked().await.is_empty(), "{code}");
        assert_eq!(Health::default().look(&database).await.get("database"), Some(&Condition::Up));
        assert!(refusals(&database).await < 20, "{code}: without a rest, {} times", refusals(&database).await);
    }
}

/// Neither handled nor parked, so the session ends and the broker delivers again: that is no death of the process.
#[tokio::test]
async fn what_can_be_neither_handled_nor_parked_is_no_poison() {
    let mut stage = Stage::new().await;
    let database = stage.reader.database.clone();
    refuse(&database, "54000").await;
    stage.create(order(), "Ada").await;
    let heal = async {
        // A batch, alone, parking: three refusals a session. Poison is given up at its third beginning.
        eventually("four sessions have failed", || async { refusals(&database).await > 12 }).await;
        accept(&database).await;
    };
    tokio::join!(stage.settle(), heal);
    eventually("it is handled", || async { stage.effects().await == ["Ada"] }).await;
    assert!(stage.parked().await.is_empty());
    assert!(refusals(&database).await < 100, "without a rest, {} times", refusals(&database).await);
}
