-- Tasks with their history, and what integrations are told of them. A task's id is the number of its
-- own event; its lease is that of the message that announces it.

CREATE TABLE task (
    id               BIGINT PRIMARY KEY,
    source           TEXT COLLATE "C" NOT NULL,
    source_key       TEXT COLLATE "C" NOT NULL,
    kind             TEXT COLLATE "C" NOT NULL,
    severity         TEXT   NOT NULL,
    dedupe_key       TEXT COLLATE "C",
    title            TEXT   NOT NULL,
    body             TEXT   NOT NULL,
    target           TEXT COLLATE "C" NOT NULL,
    address          TEXT COLLATE "C" NOT NULL,
    channel          TEXT COLLATE "C",
    status           TEXT COLLATE "C" NOT NULL,
    active           BIGINT NOT NULL,
    occurrence_count BIGINT NOT NULL,
    sequence         BIGINT NOT NULL,
    progress         TEXT,
    result           TEXT,
    message_id       BIGINT NOT NULL,
    meta             TEXT,
    created_at       BIGINT NOT NULL,
    last_seen_at     BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);

CREATE UNIQUE INDEX task_dedupe ON task (source_key, dedupe_key) WHERE active = 1 AND dedupe_key IS NOT NULL;
CREATE INDEX task_last ON task (source_key, dedupe_key, id) WHERE dedupe_key IS NOT NULL;
CREATE INDEX task_status ON task (status, id);
CREATE INDEX task_finished ON task (updated_at) WHERE active = 0;

CREATE TABLE task_event (
    id      BIGINT PRIMARY KEY,
    task_id BIGINT NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    actor   TEXT COLLATE "C",
    data    TEXT   NOT NULL,
    at      BIGINT NOT NULL
);

CREATE INDEX task_event_task ON task_event (task_id, id);

-- One row for each event of a task whose integration is called back. `state` is waiting, delivered or
-- dead; `resent` marks what is sent again by request, which holds up no successor.
CREATE TABLE callback (
    id           BIGINT PRIMARY KEY,
    integration  TEXT COLLATE "C" NOT NULL,
    task_id      BIGINT NOT NULL,
    sequence     BIGINT NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    body         TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    resent       BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,
    next_at      BIGINT NOT NULL,
    last_status  BIGINT,
    last_error   TEXT,
    created_at   BIGINT NOT NULL,
    ended_at     BIGINT
);

CREATE INDEX callback_waiting ON callback (integration, task_id, sequence) WHERE state = 'waiting';
CREATE INDEX callback_dead ON callback (id) WHERE state = 'dead';
CREATE INDEX callback_delivered ON callback (ended_at) WHERE state = 'delivered';

ALTER TABLE event ADD COLUMN task_id BIGINT;
