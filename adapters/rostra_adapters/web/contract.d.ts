// Types of the HTTP interface's JSON, for JSDoc. Browsers do not load this file.

export interface Author {
  id: string;
  name: string | null;
  guest?: boolean;
}

export interface Totals {
  up: number;
  down: number;
  score: number;
  my_vote?: number;
}

/** Status of a comment, or `unmarked` of a passage that was removed. */
export type Status = "published" | "held" | "rejected" | "removed" | "deleted" | "erased" | "unmarked";

export interface Comment extends Totals {
  id: string;
  parent: string | null;
  author: Author | null;
  body: string | null;
  html: string | null;
  posted_at: string;
  edited_at: string | null;
  replies: number;
  status: Status;
  pinned: boolean;
  passage: string | null;
  /** With a token: true if another person's comment became visible after the read mark. */
  new?: boolean;
  children?: Comment[];
  next_children?: string | null;
  /** A new wording that waits for a moderator, shown to its author. */
  pending?: { body: string; html: string | null; at: string };
}

export interface CommentPage {
  comments: Comment[];
  next: string | null;
  order: string;
  position: number;
}

export interface Discussion {
  id: string;
  open: boolean;
  comments: number;
  position: number;
  /** Position up to which the service had read the log. Live updates continue from there. */
  read?: number;
}

export interface Rules {
  orders: string[];
  voting: "both" | "up" | "off";
  edit_seconds: number;
  body_bytes_max: number;
  self_votes: boolean;
  guests: boolean;
  open_on_first: boolean;
  may_mark: boolean;
  /** True if the service sends mails. */
  mails: boolean;
}

export interface Quote {
  exact: string;
  prefix?: string | null;
  suffix?: string | null;
}

export interface NewPassage extends Quote {
  start: number;
  end: number;
}

export interface Passage extends Quote {
  id: string;
  start: number | null;
  end: number | null;
  question: string | null;
  open: boolean;
  comments: number;
  replies: number;
  /** With a token: number of comments on the passage since the read mark. */
  new?: number;
}

/** Answer to a write. A read shows the write if it includes the log up to `position`. */
export interface Done {
  id: string;
  status: Status;
  pending?: boolean;
  position: number;
}

/** Data of a live event: a comment or a passage, or only a comment's totals or new status. */
export type News = Omit<Comment & Passage, "new"> & {
  position: number;
  new?: undefined;
  /** If the change made the comment visible: the position at which it last became visible. */
  appeared?: number;
};
