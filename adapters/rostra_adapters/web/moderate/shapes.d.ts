// Types of the moderators' HTTP interface, for JSDoc. The file is not sent to browsers.

import type { Author, Comment } from "../contract.js";

export interface Wording {
  source: string;
  id: string;
}

export interface Flag {
  by: string;
  reason: string | null;
  at: string;
}

export interface QueuedAuthor extends Author {
  label?: string;
}

export interface Queued extends Omit<Comment, "pending" | "author"> {
  author: QueuedAuthor | null;
  depth: number;
  discussion: string;
  flags: Flag[];
  wording: Wording | null;
  rule: string | null;
  version: number;
  pending?: { body: string | null; html: string | null; at: string; wording: Wording };
}

export interface Counts {
  held: number;
  flagged: number;
  pending: number;
}

export interface QueuePage {
  comments: Queued[];
  next: string | null;
  counts?: Counts;
  searched?: number;
  complete?: boolean;
}

export type Action = "approve" | "reject" | "hold" | "remove" | "restore" | "pin" | "unpin";

export interface Result {
  id: string;
  result: "recorded" | "unchanged" | "rejected";
  status?: Comment["status"];
  pending?: boolean;
  version?: number;
  position?: number;
  problem?: { type: string; title: string; status?: number; detail?: string };
}

export interface BanJob {
  state: "running" | "done";
  comments: number;
  comments_total: number;
  votes: number;
}

export interface PersonRecord {
  id: string;
  name: string | null;
  label: string | null;
  labels: string[];
  banned: { until: string | null; at: string; by: string | null } | null;
  trusted: boolean;
  comments: number;
  removed: number;
  rejected: number;
  held: number;
  flagged: number;
  votes: number;
  job: BanJob | null;
  first_at: string | null;
  last_at: string | null;
}

export interface Act {
  position: number;
  at: string;
  action: string;
  comment: string | null;
  person?: string;
  by: string | null;
  role?: string;
  reason: string | null;
}
