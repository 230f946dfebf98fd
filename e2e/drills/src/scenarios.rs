//! What happens in each drill: load goes on, something breaks, it is fixed, the load ends.

use super::{catalogue::Drill, context::DrillContext};

mod crashes;
mod handling;
mod histories;
mod network;
mod parked;
mod servers;

/// Carries `drill` out, up to the last acknowledgement and the last fixing. The verdict comes after it.
pub async fn perform(drill: Drill, context: &mut DrillContext<'_>) -> anyhow::Result<()> {
    match drill {
        Drill::BrokerRestart => servers::restart_broker(context).await,
        Drill::BrokerAway => servers::take_broker_away(context).await,
        Drill::BrokerWiped => servers::wipe_broker(context).await,
        Drill::DatabaseRestart => servers::restart_database(context).await,
        Drill::SmtpAway => servers::take_mail_away(context).await,
        Drill::SlowMail => network::slow_down_mail(context).await,
        Drill::KillCustomer => crashes::kill(context, "customer").await,
        Drill::KillEmail => crashes::kill(context, "email").await,
        Drill::KillLoyalty => crashes::kill(context, "loyalty").await,
        Drill::Grand => crashes::grand(context).await,
        Drill::Duplicate => handling::publish_twice(context).await,
        Drill::Poison => handling::poison(context).await,
        Drill::Flaky => handling::fail_a_fifth(context).await,
        Drill::SlowConsumer => handling::slow_down(context).await,
        Drill::Unbind => histories::unbind(context).await,
        Drill::QueueDeleted => histories::delete_queue(context).await,
        Drill::CatchUpCrash => histories::crash_in_catch_up(context).await,
        Drill::SecondReplica => histories::start_second_replica(context).await,
        Drill::DatabaseLost => histories::lose_schema(context).await,
        Drill::NetworkCut => network::cut(context).await,
        Drill::DatabaseStalls => network::stall_database(context).await,
        Drill::MillionParked => parked::by_the_million(context).await,
        Drill::Overload => handling::overload(context).await,
    }
}
