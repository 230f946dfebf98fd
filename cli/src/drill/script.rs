//! What happens in each drill: load goes on, something breaks, it is mended, the load ends.

use super::{catalogue::Drill, stage::Stage};

mod crashes;
mod handling;
mod histories;
mod network;
mod servers;

/// Carries `drill` out, up to the last acknowledgement and the last mending. The verdict comes after it.
pub async fn perform(drill: Drill, stage: &mut Stage<'_>) -> anyhow::Result<()> {
    match drill {
        Drill::BrokerRestart => servers::restart_broker(stage).await,
        Drill::BrokerAway => servers::take_broker_away(stage).await,
        Drill::BrokerWiped => servers::wipe_broker(stage).await,
        Drill::DatabaseRestart => servers::restart_database(stage).await,
        Drill::SmtpAway => servers::take_mail_away(stage).await,
        Drill::KillCustomer => crashes::kill(stage, "customer").await,
        Drill::KillEmail => crashes::kill(stage, "email").await,
        Drill::KillLoyalty => crashes::kill(stage, "loyalty").await,
        Drill::Grand => crashes::grand(stage).await,
        Drill::Duplicate => handling::publish_twice(stage).await,
        Drill::Poison => handling::poison(stage).await,
        Drill::Flaky => handling::fail_a_fifth(stage).await,
        Drill::SlowConsumer => handling::slow_down(stage).await,
        Drill::Unbind => histories::unbind(stage).await,
        Drill::QueueDeleted => histories::delete_queue(stage).await,
        Drill::CatchUpCrash => histories::crash_in_catch_up(stage).await,
        Drill::SecondReplica => histories::start_second_replica(stage).await,
        Drill::DatabaseLost => histories::lose_schema(stage).await,
        Drill::NetworkCut => network::cut(stage).await,
    }
}
