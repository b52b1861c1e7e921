//! What each route takes and gives: the part of the document that only a `match` knows.

use relay_core::{
    agent::Agent,
    api::{
        reply::{CreatedToken, Cursor, Registered, Sent, Token},
        request::{
            ActOnClaim, ActOnPair, CreateTask, CreateToken, Heartbeat, InvitePair, MarkMessage,
            PostEvent, RegisterAgent, SayInPair, SendMessage, SetLabel, SetStatus, UpdateAgent,
            UpdateTask,
        },
        route::Route,
    },
    callback::DeadLetter,
    channel::Channel,
    error::Code,
    id::{AgentId, CallbackId, MessageId, PairId, TaskId, TokenId},
    integration,
    message::Message,
    pair::Pair,
    receipt::Receipt,
    stats::{Health, Minute, Stats},
    task::{Task, TaskEvent},
};
use schemars::JsonSchema;
use serde_json::Value;

use super::Schemas;

/// What a route takes and gives.
#[derive(Default)]
pub struct Shape {
    /// The id in its path.
    pub id: Option<Value>,
    /// The header that it reads besides the usual.
    pub header: Option<(&'static str, &'static str)>,
    /// Its body, and whether there must be one.
    pub body: Option<(Value, bool)>,
    /// Its good answers.
    pub answers: Vec<(u16, &'static str, Answer)>,
    /// What can go wrong besides the usual.
    pub errors: &'static [Code],
}

/// A good answer's content.
pub enum Answer {
    /// None.
    Nothing,
    /// An object.
    Json(Value),
    /// A bare array of these.
    List(Value),
    /// Text of this media type.
    Text(&'static str),
}

impl Shape {
    fn json<T: JsonSchema>(schemas: &mut Schemas, meaning: &'static str) -> Self {
        Self {
            answers: vec![(200, meaning, Answer::Json(schemas.reply::<T>()))],
            ..Self::default()
        }
    }

    fn list<T: JsonSchema>(schemas: &mut Schemas, meaning: &'static str) -> Self {
        Self {
            answers: vec![(200, meaning, Answer::List(schemas.reply::<T>()))],
            ..Self::default()
        }
    }

    fn text(media_type: &'static str, meaning: &'static str) -> Self {
        Self { answers: vec![(200, meaning, Answer::Text(media_type))], ..Self::default() }
    }

    fn nothing(meaning: &'static str) -> Self {
        Self { answers: vec![(204, meaning, Answer::Nothing)], ..Self::default() }
    }

    fn takes<T: JsonSchema>(mut self, schemas: &mut Schemas) -> Self {
        self.body = Some((schemas.request::<T>(), true));
        self
    }

    fn may_take<T: JsonSchema>(mut self, schemas: &mut Schemas) -> Self {
        self.body = Some((schemas.request::<T>(), false));
        self
    }

    fn of<T: JsonSchema>(mut self, schemas: &mut Schemas) -> Self {
        self.id = Some(schemas.request::<T>());
        self
    }

    fn also<T: JsonSchema>(
        mut self,
        schemas: &mut Schemas,
        status: u16,
        meaning: &'static str,
    ) -> Self {
        self.answers.push((status, meaning, Answer::Json(schemas.reply::<T>())));
        self
    }

    fn or(mut self, status: u16, meaning: &'static str) -> Self {
        self.answers.push((status, meaning, Answer::Text("text/plain")));
        self
    }

    fn only(mut self, status: u16) -> Self {
        self.answers[0].0 = status;
        self
    }

    fn fails(mut self, errors: &'static [Code]) -> Self {
        self.errors = errors;
        self
    }
}

const OF_OWN_AGENT: &[Code] = &[Code::NotFound, Code::Forbidden];
const OF_OWN_MAIL: &[Code] = &[Code::NotFound, Code::Forbidden];
const OF_CLAIM: &[Code] = &[
    Code::NotFound,
    Code::Forbidden,
    Code::SenderMismatch,
    Code::StaleSession,
    Code::NotClaimable,
    Code::NotClaimed,
    Code::AlreadyClaimed,
    Code::AlreadyDone,
    Code::LeaseLost,
];

const OF_WORK: &[Code] = &[
    Code::NotFound,
    Code::Forbidden,
    Code::SenderMismatch,
    Code::StaleSession,
    Code::InvalidTransition,
    Code::NotClaimed,
    Code::AlreadyClaimed,
    Code::LeaseLost,
];
const OF_PAIR: &[Code] = &[
    Code::NotFound,
    Code::Forbidden,
    Code::SenderMismatch,
    Code::StaleSession,
    Code::InvalidTransition,
];

/// What a route takes and gives.
#[expect(clippy::too_many_lines, reason = "one arm for each route, and no second level")]
pub fn of(route: &Route, s: &mut Schemas) -> Shape {
    match route {
        Route::RegisterAgent => Shape::json::<Registered>(s, "Updated")
            .also::<Registered>(s, 201, "New")
            .takes::<RegisterAgent>(s)
            .fails(&[Code::AgentIdTaken, Code::ReservedId, Code::Forbidden]),
        Route::ListAgents => Shape::list::<Agent>(s, "The agents, by id"),
        Route::FindAgents => {
            Shape::list::<Agent>(s, "The available agents").fails(&[Code::MissingField])
        }
        Route::GetAgent(_) => {
            Shape::json::<Agent>(s, "The agent").of::<AgentId>(s).fails(&[Code::NotFound])
        }
        Route::UpdateAgent(_) => changed(s).takes::<UpdateAgent>(s),
        Route::SetLabel(_) => changed(s).takes::<SetLabel>(s),
        Route::SetStatus(_) => changed(s).takes::<SetStatus>(s),
        Route::Heartbeat(_) => changed(s).may_take::<Heartbeat>(s).fails(&[
            Code::NotFound,
            Code::Forbidden,
            Code::StaleSession,
        ]),
        Route::RemoveAgent(_) => Shape::nothing("Removed").of::<AgentId>(s).fails(OF_OWN_AGENT),
        Route::SendMessage => Shape {
            header: Some(("Idempotency-Key", "The sender's key against sending twice.")),
            ..Shape::json::<Sent>(s, "Sent before with this key")
        }
        .also::<Sent>(s, 201, "Stored")
        .takes::<SendMessage>(s)
        .fails(&[
            Code::ForbiddenChannel,
            Code::ForbiddenTarget,
            Code::SenderMismatch,
            Code::NotFound,
            Code::TargetNotFound,
            Code::StaleSession,
            Code::IdempotencyMismatch,
            Code::AlreadyDone,
            Code::LeaseLost,
        ]),
        Route::ListMessages => {
            Shape::list::<Message>(s, "The messages, newest last").fails(OF_OWN_MAIL)
        }
        Route::MessageCursor => Shape::json::<Cursor>(s, "Where a new reader starts"),
        Route::GetMessage(_) => mail(Shape::json::<Message>(s, "The message"), s),
        Route::GetThread(_) => mail(Shape::list::<Message>(s, "The thread, oldest first"), s),
        Route::GetReceipts(_) => mail(Shape::list::<Receipt>(s, "What each agent did with it"), s),
        Route::ClaimMessage(_) => claim(s, "Claimed"),
        Route::ReleaseMessage(_) => claim(s, "Open again"),
        Route::FinishMessage(_) => claim(s, "Finished"),
        Route::MarkMessage(_) => mail(Shape::json::<Message>(s, "Marked"), s)
            .takes::<MarkMessage>(s)
            .fails(&[Code::NotFound, Code::Forbidden, Code::SenderMismatch, Code::StaleSession]),
        Route::DeleteMessage(_) => mail(Shape::nothing("Its text is gone"), s),
        Route::InvitePair => {
            Shape::json::<Pair>(s, "Invited").only(201).takes::<InvitePair>(s).fails(&[
                Code::NotFound,
                Code::SenderMismatch,
                Code::StaleSession,
                Code::TargetNotFound,
                Code::AmbiguousTarget,
                Code::Busy,
            ])
        }
        Route::ListPairs => Shape::list::<Pair>(s, "The pairs, newest last").fails(OF_OWN_MAIL),
        Route::GetPair(_) => Shape::json::<Pair>(s, "The pair").of::<PairId>(s).fails(OF_OWN_MAIL),
        Route::AcceptPair(_) => pair(s, "They talk"),
        Route::RejectPair(_) => pair(s, "Declined"),
        Route::HangUpPair(_) => pair(s, "It is over"),
        Route::SayInPair(_) => {
            Shape::json::<Sent>(s, "Stored").only(201).of::<PairId>(s).takes::<SayInPair>(s).fails(
                &[
                    Code::NotFound,
                    Code::Forbidden,
                    Code::SenderMismatch,
                    Code::StaleSession,
                    Code::NotActive,
                ],
            )
        }
        Route::PostEvent => Shape::json::<Task>(s, "Counted or resolved")
            .also::<Task>(s, 201, "Opened")
            .takes::<PostEvent>(s)
            .fails(&[
                Code::ForbiddenChannel,
                Code::ForbiddenTarget,
                Code::NotFound,
                Code::TargetNotFound,
            ]),
        Route::ListIntegrations => {
            Shape::list::<integration::Overview>(s, "The integrations, never a token")
        }
        Route::ListDeadLetters => {
            Shape::list::<DeadLetter>(s, "The callbacks given up on, oldest first")
        }
        Route::RetryDeadLetter(_) => Shape::json::<DeadLetter>(s, "It is sent again")
            .of::<CallbackId>(s)
            .fails(&[Code::NotFound]),
        Route::ListChannels => Shape::list::<Channel>(s, "The channels, by id"),
        Route::CreateTask => Shape::json::<Task>(s, "Counted")
            .also::<Task>(s, 201, "Opened")
            .takes::<CreateTask>(s)
            .fails(&[
                Code::ForbiddenChannel,
                Code::ForbiddenTarget,
                Code::NotFound,
                Code::SenderMismatch,
                Code::StaleSession,
                Code::TargetNotFound,
            ]),
        Route::ListTasks => Shape::list::<Task>(s, "The tasks, newest last"),
        Route::GetTask(_) => Shape::json::<Task>(s, "The task").of::<TaskId>(s).fails(OF_OWN_MAIL),
        Route::GetTaskEvents(_) => Shape::list::<TaskEvent>(s, "Its history, oldest first")
            .of::<TaskId>(s)
            .fails(OF_OWN_MAIL),
        Route::ClaimTask(_) => work(Shape::json::<Task>(s, "Claimed"), s).may_take::<ActOnClaim>(s),
        Route::ReleaseTask(_) => {
            work(Shape::json::<Task>(s, "Open again"), s).may_take::<ActOnClaim>(s)
        }
        Route::UpdateTask(_) => work(Shape::json::<Task>(s, "Noted"), s).takes::<UpdateTask>(s),
        Route::StreamEvents => Shape {
            header: Some(("Last-Event-ID", "The cursor to resume after.")),
            ..Shape::text("text/event-stream", STREAM)
        }
        .fails(&[
            Code::InvalidCursor,
            Code::NotFound,
            Code::Forbidden,
            Code::TooManyStreams,
        ]),
        Route::CreateToken => {
            Shape::json::<CreatedToken>(s, "Made, shown once").only(201).takes::<CreateToken>(s)
        }
        Route::ListTokens => Shape::list::<Token>(s, "The tokens, without their secrets"),
        Route::RevokeToken(_) => {
            Shape::nothing("Revoked").of::<TokenId>(s).fails(&[Code::NotFound])
        }
        Route::Stats => Shape::json::<Stats>(s, "The counts"),
        Route::StatsSeries => Shape::list::<Minute>(s, "The minutes, newest last"),
        Route::HealthDetails => Shape::json::<Health>(s, "The checks"),
        Route::OpenApi => Shape::text("application/json", "This document"),
        Route::Health => Shape::text("text/plain", "It runs"),
        Route::Ready => Shape::text("text/plain", "It can store").or(503, "One word: why not"),
        Route::Metrics => Shape::text("application/openmetrics-text", "Prometheus text"),
        Route::Dashboard => Shape::text("text/html", "The dashboard"),
    }
}

const STREAM: &str = "Frames of `id`, `event` and one line of JSON in `data`: `Hello` first, `Gap` \
    where events were pruned, else `Event`. A comment every 15 seconds.";

fn changed(s: &mut Schemas) -> Shape {
    Shape::json::<Agent>(s, "The agent as it is now").of::<AgentId>(s).fails(OF_OWN_AGENT)
}

fn mail(shape: Shape, s: &mut Schemas) -> Shape {
    shape.of::<MessageId>(s).fails(OF_OWN_MAIL)
}

fn claim(s: &mut Schemas, meaning: &'static str) -> Shape {
    Shape::json::<Message>(s, meaning).of::<MessageId>(s).may_take::<ActOnClaim>(s).fails(OF_CLAIM)
}

fn pair(s: &mut Schemas, meaning: &'static str) -> Shape {
    Shape::json::<Pair>(s, meaning).of::<PairId>(s).may_take::<ActOnPair>(s).fails(OF_PAIR)
}

fn work(shape: Shape, s: &mut Schemas) -> Shape {
    shape.of::<TaskId>(s).fails(OF_WORK)
}
