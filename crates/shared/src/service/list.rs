//! The services, one line each: name, name in scripts, call and reply, whether a call writes, how many
//! of an app's places it takes.
//!
//! The list names no file of its own. Whoever takes it has the modules in scope that it needs.

/// Hands the list to a macro.
macro_rules! for_services {
    ($take:ident) => {
        $take! {
            /// Keys and their values.
            Kv "kv": kv::KvCall => kv::KvReply, |call| call.op.access(), weight 1;
            /// Reads, writes and messages that happen together or not at all.
            Tx "tx": tx::TxCall => tx::TxReply, tx::TxCall::access, weight 4;
            /// Messages that are handled one by one.
            Queue "queue": queue::QueueCall => queue::QueueReply, queue::QueueCall::access, weight 1;
            /// Messages for everybody who asked for their topic.
            Pubsub "pubsub": pubsub::PubsubCall => pubsub::PubsubReply, |_| Access::Write, weight 1;
            /// Other scripts of the app. Running one takes no place: what it calls does.
            Invoke "invoke": invoke::InvokeCall => invoke::InvokeReply, |_| Access::Write, weight 0;
            /// Events whose handlers failed for good.
            DeadLetters "dead_letters": dead_letters::DeadLettersCall => dead_letters::DeadLettersReply,
                dead_letters::DeadLettersCall::access, weight 4;
        }
    };
}

pub(super) use for_services;
