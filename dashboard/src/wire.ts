// The relay's own types, under the names that the page uses.

import type { components } from "./api.d.ts";

type Schemas = components["schemas"];

export type Agent = Schemas["Agent"];
export type AgentStatus = Agent["status"];
export type Channel = Schemas["Channel"];
export type Claim = Schemas["Claim"];
export type Cursor = Schemas["Cursor"];
export type DeadLetter = Schemas["DeadLetter"];
export type Event = Schemas["Event"];
export type Gap = Schemas["Gap"];
export type Health = Schemas["Health"];
export type Hello = Schemas["Hello"];
export type Integration = Schemas["Overview"];
export type Message = Schemas["Message"];
export type Minute = Schemas["Minute"];
export type Pair = Schemas["Pair"];
export type Receipt = Schemas["Receipt"];
export type Sent = Schemas["Sent"];
export type SendMessage = Schemas["SendMessage"];
export type Stats = Schemas["Stats"];
export type Task = Schemas["Task"];
export type TaskEvent = Schemas["TaskEvent"];
export type UpdateAgent = Schemas["UpdateAgent"];
