-- Everything is BIGINT or TEXT (flags 0/1, milliseconds, JSON as text), so that the statements of
-- the crate read the same on every database. A message's id is the number of its own event: both
-- tables draw from one sequence, kept by the writer above the largest that either ever held.

CREATE TABLE counter (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE agent (
    id           TEXT   NOT NULL PRIMARY KEY,
    owner        TEXT   NOT NULL,
    guest        TEXT,
    last_seen_at BIGINT NOT NULL,
    removed_at   BIGINT,
    data         TEXT   NOT NULL
) WITHOUT ROWID;

-- Under which addresses an agent gets mail, and since which event: group mail reaches those who had
-- joined when it was sent.
CREATE TABLE membership (
    agent   TEXT   NOT NULL,
    address TEXT   NOT NULL,
    since   BIGINT NOT NULL,
    PRIMARY KEY (agent, address)
) WITHOUT ROWID;

CREATE TABLE message (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    sender           TEXT   NOT NULL,
    target           TEXT   NOT NULL,
    address          TEXT   NOT NULL,
    subject          TEXT,
    body             TEXT   NOT NULL,
    kind             TEXT   NOT NULL,
    urgency          TEXT   NOT NULL,
    channel          TEXT,
    reply_to         BIGINT,
    thread_id        BIGINT NOT NULL,
    task_id          BIGINT,
    pair_id          TEXT,
    idempotency_key  TEXT,
    request_digest   TEXT,
    payload          TEXT,
    meta             TEXT,
    verified         BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT,
    deleted_at       BIGINT,
    claim_state      TEXT,
    claim_generation BIGINT NOT NULL,
    claim_by         TEXT,
    claim_at         BIGINT,
    claim_expires_at BIGINT,
    done_at          BIGINT
);

CREATE INDEX message_address ON message (address, id);
CREATE INDEX message_reply ON message (thread_id, id) WHERE reply_to IS NOT NULL;
CREATE UNIQUE INDEX message_key ON message (sender, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX message_open ON message (address, id) WHERE claim_state = 'open';
CREATE INDEX message_held ON message (claim_by, id) WHERE claim_state = 'held';

CREATE TABLE receipt (
    message_id  BIGINT NOT NULL,
    agent       TEXT   NOT NULL,
    read_at     BIGINT,
    via         TEXT,
    handled_at  BIGINT,
    claimed_at  BIGINT,
    done_at     BIGINT,
    answered_at BIGINT,
    answer_id   BIGINT,
    PRIMARY KEY (message_id, agent)
) WITHOUT ROWID;

CREATE TABLE event (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    message_id BIGINT,
    actor      TEXT,
    recipient  TEXT,
    data       TEXT
);

CREATE INDEX event_offer ON event (recipient, message_id) WHERE recipient IS NOT NULL;

CREATE TABLE token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT   NOT NULL,
    digest     TEXT   NOT NULL UNIQUE,
    scopes     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

CREATE VIRTUAL TABLE message_text USING fts5 (
    subject, body, content = '', contentless_delete = 1, tokenize = 'unicode61'
);

-- The operator is built in.
INSERT INTO membership (agent, address, since) VALUES ('human', 'id:human', 0);
